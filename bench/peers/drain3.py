# Drain3 on the lines of stdin: one JSON line for each `{"lines": [...], "stream": [...], "rounds": n}`, with CPU seconds
# of each round (of the stream behind the lines, where there is one) and the group and template of every line.
import json
import logging
import sys
import time

from drain3 import TemplateMiner
from drain3.template_miner_config import TemplateMinerConfig

logging.disable(logging.CRITICAL)

for request in sys.stdin:
    asked = json.loads(request)
    seconds = []
    for _ in range(asked["rounds"]):
        miner = TemplateMiner(config=TemplateMinerConfig())
        start = time.process_time()
        ids = [miner.add_log_message(line)["cluster_id"] for line in asked["lines"]]
        if asked["stream"]:
            start = time.process_time()
            for line in asked["stream"]:
                miner.add_log_message(line)
        seconds.append(time.process_time() - start)
    texts = {cluster.cluster_id: cluster.get_template() for cluster in miner.drain.clusters}
    print(json.dumps({"seconds": seconds, "ids": ids, "texts": [texts[i] for i in ids]}), flush=True)
