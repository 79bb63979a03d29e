// One picture: level after level, coarse to fine, up to the one that this screen needs; the slider goes to any.
const name = decodeURIComponent(location.pathname.slice("/view/".length));
const path = name.split("/").map(encodeURIComponent).join("/");
const at = id => document.getElementById(id);
const image = at("picture"), slider = at("slider"), bytes = n => n.toLocaleString("en");
let facts, fit = true, loading = null, shown = null, received = 0, chosen = false;
const kept = new Map(); // what has been received, by level and reduction

function say(text, isError = false) {
  at("used").textContent = text;
  at("used").classList.toggle("error", isError);
}

// How many picture pixels fall on one pixel of the screen, as far as the server reduces.
function reduction() {
  if (!fit) return 1;
  const stage = at("stage"), ratio = window.devicePixelRatio || 1;
  const room = Math.min(stage.clientWidth * ratio / facts.width, stage.clientHeight * ratio / facts.height);
  return facts.needed.map(n => n.reduce).filter(r => r * room <= 1).pop() ?? 1;
}

const needed = () => facts.needed.find(n => n.reduce === reduction()).level;

function lay() {
  const stage = at("stage"), ratio = window.devicePixelRatio || 1;
  const scale = fit ? Math.min(stage.clientWidth / facts.width, stage.clientHeight / facts.height, 1) : 1 / ratio;
  image.style.width = `${facts.width * scale}px`;
  image.style.height = `${facts.height * scale}px`;
  document.body.classList.toggle("fit", fit);
}

function tell() {
  const level = facts.levels[shown - 1], enough = needed();
  slider.value = shown;
  document.body.dataset.level = shown;
  at("level").textContent = `${shown} of ${facts.levels.length} (${level.name})`;
  const share = (100 * level.bytes / facts.file_bytes).toFixed(level.bytes < 0.1 * facts.file_bytes ? 1 : 0);
  say(`${bytes(level.bytes)} of ${bytes(facts.file_bytes)} bytes of the file used (${share} %, ${level.bpp.toFixed(3)} bpp); ` +
      `${bytes(received)} bytes received as WebP; this screen needs level ${enough}`);
  [...at("bar").children].forEach((cell, index) => {
    cell.classList.toggle("used", index < shown);
    cell.classList.toggle("needed", index === enough - 1);
  });
  at("png").href = `/pictures/${path}?level=${shown}&format=png`;
  at("png").download = `${name.split("/").pop().replace(/\.svae$/i, "")}-level${shown}.png`;
  at("png").hidden = false;
}

async function fetched(level, reduce, signal) {
  const key = `${level}/${reduce}`;
  if (!kept.has(key)) {
    const answer = await fetch(`/pictures/${path}?level=${level}&reduce=${reduce}`, { signal });
    if (!answer.ok) throw new Error((await answer.text()).trim());
    const content = await answer.blob();
    received += content.size;
    kept.set(key, URL.createObjectURL(content));
  }
  return kept.get(key);
}

async function show(level, signal) {
  const url = await fetched(level, reduction(), signal);
  if (signal.aborted) return;
  image.src = url;
  await image.decode().catch(() => {});
  image.hidden = false;
  shown = level;
  tell();
}

// Level after level up to one; what was under way is given up.
async function load(from, to) {
  loading?.abort();
  const { signal } = loading = new AbortController();
  try {
    for (let level = from; level <= to && !signal.aborted; level++) await show(level, signal);
    if (!signal.aborted) document.body.dataset.done = to;
  } catch (error) {
    if (error.name !== "AbortError") say(error.message, true);
  }
}

try {
  const answer = await fetch(`/facts/${path}`);
  if (!answer.ok) throw new Error((await answer.text()).trim());
  facts = await answer.json();
  document.title = at("name").textContent = facts.name;
  image.alt = facts.name;
  at("file").href = `/files/${path}`;
  at("file").hidden = false;
  slider.max = facts.levels.length;
  slider.disabled = at("zoom").disabled = false;
  facts.levels.forEach((level, index) => {
    const cell = document.createElement("i");
    cell.style.flexGrow = level.bytes - (index ? facts.levels[index - 1].bytes : 0);
    at("bar").append(cell);
  });
  lay();
  load(1, needed());
  slider.addEventListener("input", () => { chosen = true; load(+slider.value, +slider.value); });
  const fitted = () => {
    lay();
    if (!chosen) load(Math.min(shown ?? 1, needed()), needed());
    else if (shown) load(shown, shown);
  };
  at("zoom").addEventListener("click", () => {
    fit = !fit;
    at("zoom").textContent = fit ? "Actual pixels" : "Fit the window";
    fitted();
  });
  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(fitted, 200); });
} catch (error) {
  say(error.message, true);
}
