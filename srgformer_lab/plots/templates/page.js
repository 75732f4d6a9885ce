(async () => {
  const places = [...document.querySelectorAll(".figure")];
  if (!window.DecompressionStream) {
    for (const place of places) place.textContent = "This browser is too old to draw the figure; one of 2023 or newer can.";
    return;
  }
  const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (letter) => letter.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(unpacked).text();
  document.head.append(script);
  for (const place of places) {
    const { figure, config } = JSON.parse(place.firstElementChild.textContent);
    const drawn = place.appendChild(document.createElement("div"));
    await Plotly.newPlot(drawn, { ...figure, config });
  }
})();
