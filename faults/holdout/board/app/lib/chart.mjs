// Draws lines of values as SVG, in a thread of its own.
import { parentPort, workerData } from "node:worker_threads";

const draw = (values) => {
  const most = Math.max(...values, 1);
  const points = values.map((value, index) => `${(index * 600 / values.length).toFixed(1)},${(100 - 100 * value / most).toFixed(1)}`);
  return `<svg viewBox="0 0 600 100"><polyline points="${points.join(" ")}"/></svg>`;
};
parentPort.postMessage(workerData.map(draw));
