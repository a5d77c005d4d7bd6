// Sends dropped files one after the other to be estimated, and draws what they would save.
const drop = document.querySelector("[data-drop]");
const input = document.getElementById("files");
const progress = document.querySelector("[data-progress]");
const bars = document.querySelector("[data-bars]");
const token = document.querySelector("meta[name=csrf-token]").content;
const sum = { before: 0, after: 0, files: 0 };

function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let at = 0;
  for (; bytes >= 1000 && at < 3; at += 1) bytes /= 1000;
  return `${bytes < 10 && at ? bytes.toFixed(1) : bytes.toFixed(0)} ${units[at]}`;
}

function bar(name, words, share) {
  const item = document.getElementById("bar").content.cloneNode(true);
  item.querySelector("[data-name]").textContent = name;
  item.querySelector("[data-words]").textContent = words;
  if (share === undefined) item.querySelector("svg").remove();
  else item.querySelector(".bar-after").setAttribute("width", Math.min(100, 100 * share));
  bars.append(item);
}

function add(name, one) {
  const [before, after] = [one.originalBytes, one.bytes];
  Object.assign(sum, { before: sum.before + before, after: sum.after + after, files: sum.files + 1 });
  bar(name, `${size(before)} → ${size(after)}, level ${one.level}, ${one.codec}, quality ${one.quality.toFixed(2)} of 5`, after / before);
  const saved = Math.round(100 * (1 - sum.after / sum.before));
  document.querySelector("[data-headline]").textContent =
    `${saved} % less: ${size(sum.before)} would become ${size(sum.after)} in ${sum.files} ${sum.files === 1 ? "file" : "files"}.`;
}

async function estimate(file) {
  const answer = await fetch("/v1/estimates", {
    method: "POST", body: file, headers: { "X-CSRF-Token": token, "Content-Type": file.type || "application/octet-stream" },
  });
  const found = await answer.json();
  if (answer.ok) add(file.name, found);
  else bar(file.name, found.detail ?? `It cannot be estimated (${answer.status}).`);
}

async function all(files) {
  document.querySelector("[data-results]").hidden = false;
  for (const [at, file] of [...files].entries()) {
    progress.textContent = `Compresses ${file.name} (${at + 1} of ${files.length}) …`;
    try {
      await estimate(file);
    } catch (error) {
      bar(file.name, `The connection failed: ${error.message}. Drop it again.`);
    }
  }
  progress.textContent = "Done. Nothing was stored. Drop more, or send them with POST /v1/recordings.";
}

input.addEventListener("change", () => all(input.files));
for (const name of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop") all(event.dataTransfer.files);
  });
}
