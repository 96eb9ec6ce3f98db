// The page works without this: it only spares the reloads. /numbers touches no session, so nobody's stay is prolonged.
const loaded = Date.now();
function tick() {
  for (const time of document.querySelectorAll("[data-countdown]")) {
    const left = Math.round(time.dataset.countdown - (Date.now() - loaded) / 1000);
    time.textContent = left > 0 ? `in ${left} s` : "now: the next visit begins a new session";
    if (left <= 0) time.parentElement.replaceChildren(time);
  }
}
async function refresh() {
  try {
    const numbers = await (await fetch("/numbers")).json();
    for (const place of document.querySelectorAll("[data-live]")) {
      const value = numbers[place.dataset.live];
      place.textContent = place.dataset.live === "reaped_ago" ? (value === null ? "not yet" : `${value} s ago`) : value ?? "–";
    }
  } catch { /* the demo was stopped */ }
}
setInterval(tick, 500);
setInterval(refresh, 2000);
