// How long ago something was, and when, in the reader's zone. Without scripts the page has the time in UTC.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: zone });
const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function ago(time) {
  const seconds = Math.round((time - Date.now()) / 1000);
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units[3];
  return relative.format(Math.trunc(seconds / size), unit);
}

function show(element) {
  const time = new Date(element.dateTime);
  const exact = document.createElement("small");
  exact.textContent = absolute.format(time);
  element.replaceChildren(ago(time), exact);
  element.title = time.toISOString();
}

const showAll = () => document.querySelectorAll("time[datetime]").forEach(show);
document.querySelector("[data-zone]").textContent = zone;
showAll();
setInterval(showAll, 30000);
