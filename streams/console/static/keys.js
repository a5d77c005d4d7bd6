// Keys for those who use no pointer. They do nothing while somebody types.
const help = document.getElementById("help");
const typing = (target) => target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]") !== null;
const rows = () => [...document.querySelectorAll("[data-row]")];

function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
  all[next].focus();
}

const actions = {
  "/": () => document.querySelector("[data-search]")?.focus(),
  j: () => step(1),
  k: () => step(-1),
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || help.open) return;
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
document.querySelector("[data-help]").addEventListener("click", () => help.showModal());
