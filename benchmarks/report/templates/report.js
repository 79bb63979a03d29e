"use strict";
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// light or dark: the system's wish until the button is pressed
const root = document.documentElement;
const wish = matchMedia("(prefers-color-scheme: dark)");
const theme = (name) => { root.dataset.theme = name; };
theme(wish.matches ? "dark" : "light");
wish.addEventListener("change", (event) => theme(event.matches ? "dark" : "light"));
$(".theme").addEventListener("click", () => theme(root.dataset.theme === "dark" ? "light" : "dark"));

// one set of pictures at a time
$$(".tabs button").forEach((tab) => tab.addEventListener("click", () => {
  $$(".tabs button").forEach((other) => other.setAttribute("aria-selected", other.dataset.set === tab.dataset.set));
  $$("[data-for]").forEach((part) => { part.hidden = part.dataset.for !== tab.dataset.set; });
  if (viewer) viewer.showSet(tab.dataset.set);
}));

// a chip shows or hides its curve in all charts of its group
$$(".chip").forEach((chip) => chip.addEventListener("click", () => {
  const on = chip.getAttribute("aria-pressed") !== "true";
  chip.setAttribute("aria-pressed", on);
  $$(`.curve[data-key="${chip.dataset.key}"]`, chip.closest(".group")).forEach((curve) => {
    curve.toggleAttribute("hidden", !on);
  });
}));

const minus = (text) => text.replace("-", "\u2212");
function describe(image) {
  const quality = image.psnr_db === null ? "exact" : `${image.psnr_db.toFixed(2)} dB`;
  return `${image.bpp.toFixed(3)} bpp \u00b7 ${quality}${image.ssimulacra2 === null ? "" : ` \u00b7 S2 ${minus(image.ssimulacra2.toFixed(1))}`}`;
}

class Viewer {
  constructor(data) {
    Object.assign(this, { data, pick: 0, rate: 0, left: "ours", right: null });
    const keys = [...new Set(data.pictures.flatMap((p) => p.rates.flatMap((r) => Object.keys(r.images))))];
    this.keys = keys;
    if (!keys.includes("ours")) this.left = keys[0];
    this.right = ["avif", "webp", "jpeg420"].find((key) => keys.includes(key)) ?? "original";
    this.rate = Math.floor((data.pictures[0].rates.length - 1) / 2);
    for (const side of ["left", "right"]) {
      const select = $(`#${side}`);
      for (const key of [...keys, "original"]) select.add(new Option(data.names[key] ?? key, key));
      select.value = this[side];
      select.addEventListener("change", () => { this[side] = select.value; this.draw(); });
    }
    $("#split").addEventListener("input", (event) => {
      $(".viewer").style.setProperty("--split", `${event.target.value / 10}%`);
    });
    const picker = $(".picker");
    data.pictures.forEach((picture, index) => {
      const button = document.createElement("button");
      button.title = picture.name;
      button.dataset.set = picture.dataset;
      const image = new Image(60, 60);
      image.src = picture.thumb;
      image.alt = picture.name;
      button.append(image);
      button.addEventListener("click", () => { this.pick = index; this.draw(); });
      picker.append(button);
    });
    this.showSet(data.pictures[0].dataset);
  }

  showSet(name) {
    const first = this.data.pictures.findIndex((picture) => picture.dataset === name);
    $$(".picker button").forEach((button) => { button.hidden = button.dataset.set !== name; });
    $(".gallery").hidden = first < 0;
    if (first < 0) return;
    this.pick = first;
    this.draw();
  }

  draw() {
    const picture = this.data.pictures[this.pick];
    this.rate = Math.min(this.rate, picture.rates.length - 1);
    const rate = picture.rates[this.rate];
    $$(".picker button").forEach((button, i) => button.setAttribute("aria-pressed", i === this.pick));
    $(".rates").replaceChildren(...picture.rates.map((entry, i) => {
      const button = document.createElement("button");
      button.textContent = `${entry.target} bpp`;
      button.setAttribute("aria-pressed", i === this.rate);
      button.addEventListener("click", () => { this.rate = i; this.draw(); });
      return button;
    }));
    for (const [side, tag] of [["left", ".tag.l"], ["right", ".tag.r"]]) {
      const key = this[side];
      const image = key === "original" ? { uri: picture.original } : rate.images[key];
      const element = $(`.viewer .${side}`);
      element.src = image ? image.uri : "";
      element.alt = `${picture.name}, ${this.data.names[key] ?? key}`;
      $(tag).replaceChildren(Object.assign(document.createElement("b"), { textContent: this.data.names[key] ?? key }),
        !image ? "not measured" : key === "original" ? "as it was" : describe(image));
    }
    const shape = $(".viewer .right");
    shape.decode().then(() => {
      $(".viewer").style.aspectRatio = `${shape.naturalWidth} / ${shape.naturalHeight}`;
    }).catch(() => {});
    $("#which").textContent = `${picture.name}, ${picture.width} \u00d7 ${picture.height}`;
    $(".levels").hidden = picture.strip.length === 0;
    $(".strip").replaceChildren(...picture.strip.map((level) => {
      const figure = document.createElement("figure");
      const image = new Image();
      image.src = level.uri;
      image.alt = `level ${level.level}`;
      const words = document.createElement("figcaption");
      words.append(Object.assign(document.createElement("b"), { textContent: level.name }),
        `${level.bpp.toFixed(3)} bpp`, document.createElement("br"),
        level.psnr_db === null ? "exact" : `${level.psnr_db.toFixed(2)} dB`);
      figure.append(image, words);
      return figure;
    }));
  }
}

const source = $("#gallery-data");
const viewer = source ? new Viewer(JSON.parse(source.textContent)) : null;
