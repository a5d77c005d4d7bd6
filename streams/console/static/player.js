// Hears a recording before and after: two files, one position, one key to switch.
import WaveSurfer from "/static/vendor/wavesurfer.esm.js";

const LONGEST_DRAWN_MS = 600000; // of longer ones the picture would take the browser seconds
const SKIP_S = 5;
const player = document.querySelector("[data-player]");
const nonce = document.querySelector("meta[name=style-nonce]").content;
const find = (name) => player.querySelector(name);

function clock(seconds) {
  const tenths = Math.floor(seconds * 10);
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

function colour(name) {
  const probe = document.createElement("i");
  probe.className = `wave-${name}`;
  const text = document.createElement("b");
  text.className = "wave-name";
  probe.append(text);
  player.append(probe);
  const found = getComputedStyle(text).color;
  probe.remove();
  return found;
}

function draw(name, audio) {
  const picture = find(`[data-wave=${name}] [data-picture]`);
  const tone = colour(name);
  const wave = WaveSurfer.create({
    container: picture, media: audio, height: 64, cspNonce: nonce, waveColor: tone, progressColor: tone, cursorColor: tone,
    cursorWidth: 2, barWidth: 2, barGap: 1, barRadius: 1, dragToSeek: true, normalize: true,
    ...(Number(player.dataset.duration) > LONGEST_DRAWN_MS ? { peaks: [[0, 0]], duration: player.dataset.duration / 1000 } : {}),
  });
  wave.on("error", () => {});
  return wave;
}

function start() {
  const audios = Object.fromEntries([...player.querySelectorAll("[data-audio]")].map((one) => [one.dataset.audio, one]));
  let heard = "after";
  const now = () => audios[heard];
  const trouble = find("[data-trouble]");
  const whole = document.querySelector("[data-whole]"); // of the call, with controls of its own

  function show() {
    const { currentTime, readyState } = now();
    // The length is the audio's own: a browser adds what an Opus decoder takes off at the beginning.
    find("[data-clock]").textContent = `${clock(currentTime)} / ${readyState ? clock(player.dataset.duration / 1000) : "…"}`;
    find("[data-play-text]").textContent = now().paused ? "Play" : "Pause";
    const all = Number(player.dataset.length) || 1;
    const x = (1000 * (Number(player.dataset.start) + currentTime * 1000)) / all;
    const head = document.querySelector("[data-playhead]");
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
  }

  function mark() {
    for (const one of player.querySelectorAll("[data-choose]")) one.setAttribute("aria-pressed", one.dataset.choose === heard);
    for (const one of player.querySelectorAll("[data-wave]")) one.classList.toggle("heard", one.dataset.wave === heard);
  }

  function choose(name) {
    if (name === heard || !audios[name]) return;
    const from = now();
    const playing = !from.paused;
    from.pause();
    heard = name;
    now().currentTime = Math.min(from.currentTime, now().duration || from.currentTime);
    if (playing) play();
    mark();
    show();
  }

  function play() {
    whole?.pause();
    now().play().then(() => { trouble.textContent = ""; }, (error) => {
      if (error.name !== "AbortError") trouble.textContent = `It cannot be played: ${error.message} Download it instead.`;
    });
  }

  const toggle = () => (now().paused ? play() : now().pause());
  const skip = (by) => { now().currentTime = Math.max(0, now().currentTime + by); };

  for (const [name, audio] of Object.entries(audios)) {
    for (const event of ["timeupdate", "seeking", "play", "pause", "loadedmetadata", "ended"]) audio.addEventListener(event, () => name === heard && show());
    audio.addEventListener("seeking", () => name !== heard && audio.paused && document.activeElement?.closest(`[data-wave=${name}]`) && choose(name));
    draw(name, audio).on("interaction", (position) => { choose(name); now().currentTime = position; });
  }
  whole?.addEventListener("play", () => now().pause());
  find("[data-play]").addEventListener("click", toggle);
  for (const one of player.querySelectorAll("[data-choose]")) one.addEventListener("click", () => choose(one.dataset.choose));
  const keys = { " ": toggle, x: () => choose(heard === "after" ? "before" : "after"), ArrowLeft: () => skip(-SKIP_S), ArrowRight: () => skip(SKIP_S) };
  document.addEventListener("keydown", (event) => {
    const action = keys[event.key];
    const busy = event.target.closest("input, select, textarea, dialog, [data-whole]") || (event.key === " " && event.target.closest("button:not([data-play]), summary"));
    if (!action || busy || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
  mark();
  show();
}

if (player && find("[data-audio]")) start();
