{
  const here = document.currentScript.parentElement;
  const known = JSON.parse(here.querySelector('script[type="application/json"]').textContent);
  const list = here.querySelector("ol"), cards = [...list.children];
  const dials = [...here.querySelectorAll("input")], status = here.querySelector("[role=status]");
  const at_first = dials.map((dial) => dial.value);
  const digits = (value) => String(Number(value.toPrecision(4)));
  const ranked = () => {
    const [a, b] = dials.map((dial, which) => known.steps[which][dial.value]);
    const powers = [1, a, b, a * a, b * b, a * b];
    const scores = known.terms.map((terms) => terms.reduce((sum, term, power) => sum + term * powers[power], 0));
    return { scores, order: [...scores.keys()].sort((x, y) => scores[y] - scores[x] || known.rows[x] - known.rows[y]) };
  };
  const saved = ranked().order;
  const draw = () => {
    const { scores, order } = ranked();
    dials.forEach((dial, which) => {
      const value = String(known.steps[which][dial.value]);
      dial.nextElementSibling.value = value;
      dial.setAttribute("aria-valuetext", value);
    });
    let entered = 0;
    order.forEach((one, place) => {
      const before = saved.indexOf(one), rose = before - place, inside = place < known.length, line = cards[one].querySelector(".srg-line");
      cards[one].hidden = !inside;
      cards[one].dataset.score = scores[one];
      line.textContent = `${place + 1}, score ${digits(scores[one])}`;
      if (inside && rose) {
        const mark = document.createElement("span");
        mark.className = rose > 0 ? "srg-rose" : "srg-fell";
        mark.textContent = before >= known.length ? " new" : rose > 0 ? ` ▲ ${rose}` : ` ▼ ${-rose}`;
        line.append(mark);
        entered += before >= known.length;
      }
      list.append(cards[one]);
    });
    const moved = order.slice(0, known.length).some((one, place) => one !== saved[place]);
    const words = entered ? `${entered} of ${Math.min(known.length, cards.length)} are new` : "The same items in another order";
    status.textContent = moved ? `${words}, beside the list as saved` : "The list as it was saved";
  };
  dials.forEach((dial) => dial.addEventListener("input", draw));
  here.querySelector("button").addEventListener("click", () => {
    dials.forEach((dial, which) => { dial.value = at_first[which]; });
    draw();
  });
  draw();
}
