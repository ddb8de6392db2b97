# Peers of detection on the series of stdin, in Python: one JSON line for each `{"task", "values", "teaching", "period"}`.
# Task "speed": values per CPU second of river's streaming detectors. Any other task: a score for every value, by name.
import json
import math
import sys
import time

from river import anomaly, preprocessing, stats


class RollingMad:
    """Distance from the rolling median in rolling MADs, 60 points."""

    def __init__(self):
        self.window = []

    def step(self, value):
        score = 0.0
        if len(self.window) >= 30:
            ordered = sorted(self.window)
            centre = ordered[len(ordered) // 2]
            spread = sorted(abs(v - centre) for v in ordered)[len(ordered) // 2]
            distance = abs(value - centre)
            score = distance / (1.4826 * spread) if spread > 0 else (100.0 if distance > 0 else 0.0)
        self.window.append(value)
        if len(self.window) > 60:
            self.window.pop(0)
        return min(score, 100.0)


class RollingQuantiles:
    """river: distance from a rolling median in rolling inter-quartile ranges, the family of our cheap tier."""

    def __init__(self):
        self.centre = stats.RollingQuantile(0.5, 15)
        self.range = stats.RollingIQR(720)

    def step(self, value):
        centre, spread = self.centre.get(), self.range.get()
        score = abs(value - centre) / (0.7413 * spread) if centre is not None and spread else 0.0
        if centre is not None:
            self.range.update(value - centre)
        self.centre.update(value)
        return score


class HalfSpaceTrees:
    """river's HalfSpaceTrees with its defaults behind a MinMaxScaler, over the value and its last step."""

    def __init__(self):
        self.scale = preprocessing.MinMaxScaler()
        self.trees = anomaly.HalfSpaceTrees(seed=1)
        self.last = None

    def step(self, value):
        x = {"value": value, "step": 0.0 if self.last is None else value - self.last}
        self.last = value
        self.scale.learn_one(x)
        scaled = self.scale.transform_one(x)
        score = self.trees.score_one(scaled)
        self.trees.learn_one(scaled)
        return score


class Gaussian:
    """river's GaussianScorer over a rolling window of 1440 points."""

    def __init__(self):
        self.model = anomaly.GaussianScorer(window_size=1440, grace_period=60)

    def step(self, value):
        score = self.model.score_one(None, value)
        self.model.learn_one(None, value)
        # Its score is a probability that saturates; far tails are told apart by their logarithm.
        return -math.log(max(1e-16, 1 - score))


PEERS = {
    "river_half_space_trees": HalfSpaceTrees,
    "river_gaussian": Gaussian,
    "river_rolling_quantiles": RollingQuantiles,
    "rolling_mad": RollingMad,
}

for line in sys.stdin:
    asked = json.loads(line)
    values = [0.0 if v is None else v for v in asked["values"]]
    answer = {}
    for name in asked["peers"]:
        seconds = math.inf
        # The best of three counts: what else the machine does is not the peer's fault.
        for _ in range(3 if asked["task"] == "speed" else 1):
            peer = PEERS[name]()
            start = time.process_time()
            scores = [peer.step(value) for value in values]
            seconds = min(seconds, time.process_time() - start)
        answer[name] = {"seconds": seconds, "scores": [] if asked["task"] == "speed" else scores}
    print(json.dumps(answer), flush=True)
