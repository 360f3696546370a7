"use strict";
(() => {
  const page = document.documentElement;
  const told = document.getElementById("told");
  const keys = document.getElementById("keys");
  const about = told.textContent;
  const help = "click: zoom · Esc: back to the whole · /: search";
  const frames = Array.from(page.querySelectorAll("svg.f"), (box) => ({
    box,
    x: Number(box.dataset.x),
    w: Number(box.dataset.w),
    y: Number(box.getAttribute("y")),
    name: box.dataset.name,
  }));
  // Sums are cut to four digits of a percent: edges that are alike may differ by that much.
  const close = 0.0003;

  const zoom = (to) => {
    for (const frame of frames) {
      const above = frame.y < to.y && frame.x <= to.x + close && frame.x + frame.w >= to.x + to.w - close;
      const inside = frame.y >= to.y && frame.x >= to.x - close && frame.x + frame.w <= to.x + to.w + close;
      const x = above ? 0 : ((frame.x - to.x) * 100) / to.w;
      const w = above ? 100 : (frame.w * 100) / to.w;
      frame.box.style.display = above || inside ? "" : "none";
      frame.box.classList.toggle("above", above);
      frame.box.setAttribute("x", `${x}%`);
      frame.box.setAttribute("width", `${w}%`);
    }
  };
  const whole = { x: 0, w: 100, y: -1 };

  const search = (words) => {
    let parts = 0;
    let hits = 0;
    let reach = [];
    const wanted = words.toLowerCase();
    for (const frame of frames) {
      const hit = wanted !== "" && frame.name.toLowerCase().includes(wanted);
      frame.box.classList.toggle("miss", wanted !== "" && !hit);
      // What lies below a hit is counted with it.
      if (hit) {
        hits += 1;
        if (!reach.some(([from, to]) => frame.x >= from - close && frame.x + frame.w <= to + close)) {
          reach.push([frame.x, frame.x + frame.w]);
          parts += frame.w;
        }
      }
    }
    keys.textContent = wanted === "" ? help : `${words}: ${hits} frames, ${parts.toFixed(2)} % of the whole · ${help}`;
  };

  for (const frame of frames) {
    const say = () => { told.textContent = frame.box.querySelector("title").textContent; };
    frame.box.addEventListener("mouseenter", say);
    frame.box.addEventListener("focus", say);
    frame.box.addEventListener("mouseleave", () => { told.textContent = about; });
    frame.box.addEventListener("click", () => zoom(frame));
  }
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      zoom(whole);
      search("");
    } else if (event.key === "Enter" && document.activeElement) {
      const frame = frames.find((candidate) => candidate.box === document.activeElement);
      if (frame) zoom(frame);
    } else if (event.key === "/" || (event.key === "f" && (event.ctrlKey || event.metaKey))) {
      event.preventDefault();
      const words = window.prompt("Names that contain:", "");
      if (words !== null) search(words);
    }
  });
  page.querySelector(".ground").addEventListener("click", () => zoom(whole));
  keys.textContent = help;
})();
