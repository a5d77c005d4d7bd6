// Follows the flow: figures and two curves, over server-sent events that go on by themselves after a break.
const MOST = 300; // points of a curve
const connection = document.querySelector("[data-connection]");
const text = (name) => document.querySelector(`[data-text=${name}]`);
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const curves = { audio: { label: "seconds each second", data: [[], []] }, lag: { label: "inputs", data: [[], []] } };

function colour(name) {
  const probe = document.createElement("i");
  probe.className = name;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function draw(name) {
  const { label, data } = curves[name];
  const place = document.querySelector(`[data-chart=${name}]`);
  const axis = { stroke: colour("muted"), grid: { stroke: colour("hairline"), width: 1 }, ticks: { show: false } };
  const room = () => ({ width: place.clientWidth - 24, height: 190 });
  const chart = new uPlot({
    ...room(), legend: { show: false }, cursor: { show: false }, scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [axis, { ...axis, size: 56 }],
    series: [{}, { label, stroke: colour("curve"), fill: colour("curve-fill"), width: 2, points: { show: false } }],
  }, data, place);
  addEventListener("resize", () => chart.setSize(room()));
  return chart;
}

let charts = null;
function redraw() {
  if (charts) Object.values(charts).forEach((one) => one.destroy());
  charts = { audio: draw("audio"), lag: draw("lag") };
}

function put(name, time, value) {
  const { data } = curves[name];
  data[0].push(time);
  data[1].push(value);
  if (data[0].length > MOST) data.forEach((one) => one.shift());
  charts[name].setData(data);
  const most = Math.max(...data[1]);
  text(name).textContent = `Now ${number.format(value)} ${curves[name].label}; at most ${number.format(most)} in what is shown.`;
}

function figure(name, value) {
  document.querySelector(`[data-value=${name}]`).textContent = value;
}

const known = (value) => value !== null && value !== undefined;
const shown = (value) => (known(value) ? number.format(value) : "–");

function show(flow) {
  figure("calls", shown(flow.callsPerMinute));
  figure("audio", known(flow.audioSecondsPerSecond) ? `${number.format(flow.audioSecondsPerSecond)} s` : "–");
  figure("ratio", known(flow.ratio) ? `${number.format(flow.ratio)} times` : "–");
  figure("lag", shown(flow.lag));
  figure("pressure", known(flow.pressure) ? `${flow.pressure} of 5` : "–");
  figure("dead", shown(flow.deadLettersPerMinute));
  const time = new Date(flow.time).getTime() / 1000;
  if (known(flow.audioSecondsPerSecond)) put("audio", time, flow.audioSecondsPerSecond);
  if (known(flow.lag)) put("lag", time, flow.lag);
}

function follow() {
  const source = new EventSource("/v1/events");
  source.addEventListener("open", () => { connection.textContent = "Connected: new figures come by themselves."; });
  source.addEventListener("error", () => {
    connection.textContent = source.readyState === EventSource.CLOSED
      ? "The server refuses the connection. Load the page again, or log in."
      : "The connection is lost. It is made again by itself.";
  });
  source.addEventListener("flow", (event) => show(JSON.parse(event.data)));
}

addEventListener("DOMContentLoaded", () => {
  redraw();
  follow();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
