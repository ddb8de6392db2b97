// The built-in page: asks the API every five seconds and writes what it says, as text and never as markup.
const refreshMs = 5000;
const state = document.getElementById("state");
const login = document.getElementById("login");
let token = sessionStorage.getItem("homeostat-token") ?? "";

login.addEventListener("submit", (event) => {
  event.preventDefault();
  token = document.getElementById("token").value.trim();
  sessionStorage.setItem("homeostat-token", token);
  void refresh();
});

await refresh();
setInterval(refresh, refreshMs);

async function refresh() {
  try {
    const [status, incidents, diagnoses, actions, advice] = await Promise.all([
      ask("status"),
      ask("incidents?limit=200"),
      ask("diagnoses?limit=200"),
      ask("actions?limit=10"),
      ask("recommendations?limit=5"),
    ]);
    login.hidden = true;
    const { now, version } = status.data;
    const open = incidents.data.filter((incident) => incident.state !== "resolved");
    fill("incidents", open, "None: nothing is known to be wrong.", (one) => incidentCard(one, diagnoses.data, now));
    fill("actions", actions.data, "None so far.", (entry) => actionCard(entry, now));
    fill("advice", advice.data, "None so far.", (one) => adviceCard(one, now));
    state.textContent = `${open.length === 0 ? "Healthy" : `${open.length} open`} · version ${version}`;
  } catch (error) {
    login.hidden = error.status !== 401;
    state.textContent = error.message;
  }
}

async function ask(path) {
  const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(`/api/v1/${path}`, { headers, cache: "no-store" }).catch(() => {
    throw Object.assign(new Error("Homeostat does not answer."), { status: 0 });
  });
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.detail), { status: answer.status });
  return body;
}

function incidentCard(incident, diagnoses, now) {
  const diagnosis = diagnoses.find((one) => one.incident === incident.id);
  const cause = diagnosis?.causes[0];
  const thought = cause === undefined ? "Not diagnosed yet." : diagnosis.summary;
  const sure = cause === undefined ? "" : ` ${cause.code} ${cause.title}, ${Math.round(cause.probability * 100)} %.`;
  return card(
    incident.severity,
    incident.title,
    `${incident.state}, since ${ago(incident.onset, now)}: ${incident.entities.join(", ")}`,
    thought + sure,
    ...(cause?.for ?? []).slice(0, 3).map((evidence) => `• ${evidence.says}`),
  );
}

function actionCard({ action, state: reached, at, reason, by }, now) {
  const kind = reached === "failed" ? "critical" : "info";
  return card(kind, `${action.kind} of ${action.target}: ${reached}`, `${ago(at, now)}, by ${by}: ${reason}`);
}

function adviceCard(advice, now) {
  const changes = advice.changes.map((change) => `${change.parameter} = ${change.to}`).join(", ");
  return card("info", advice.title, `${ago(advice.at, now)}, ${advice.target}: ${changes}`, advice.why);
}

function fill(id, items, none, draw) {
  const cards = items.map(draw);
  if (cards.length === 0) cards.push(element("p", none, "quiet"));
  document.getElementById(id).replaceChildren(...cards);
}

function card(kind, title, ...lines) {
  const box = element("article", "", `card ${kind}`);
  box.append(element("h3", title), ...lines.filter((line) => line !== "").map((line) => element("p", line)));
  return box;
}

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

/** Against the server's clock, since this machine's may be wrong. */
function ago(at, now) {
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}
