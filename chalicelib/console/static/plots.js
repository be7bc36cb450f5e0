// Draws the figures of a page with Plotly, in the page's colours; their tables fold away.
"use strict";

function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function dressed(layout) {
  const [text, line] = [colour("--soft"), colour("--line")];
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
  const font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: text };
  return {
    ...layout,
    title: undefined,
    template: undefined,
    width: undefined,
    height: 340,
    autosize: true,
    font,
    margin: { l: 48, r: 8, t: 8, b: 48 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    xaxis: { ...axis, ...layout.xaxis, ...axis },
    yaxis: { ...axis, ...layout.yaxis, ...axis },
    legend: { orientation: "h", y: -0.25 },
    colorway: ["--accent", "--bad", "--good", "--warn", "--strong-line"].map(colour),
  };
}

function draw(place) {
  const figure = JSON.parse(place.querySelector("script")?.textContent ?? place.figure);
  place.figure = JSON.stringify(figure);
  // A line that means something has that meaning's colour in both themes.
  for (const trace of figure.data) {
    if (trace.meta?.colour) trace.marker = { ...trace.marker, color: colour(trace.meta.colour) };
    if (trace.meta?.colour && trace.line) trace.line.color = colour(trace.meta.colour);
  }
  place.hidden = false;
  Plotly.react(place, figure.data, dressed(figure.layout), {
    displayModeBar: false,
    responsive: true,
    locale: "pt-BR",
  });
}

const names = (from, length, options) =>
  Array.from({ length }, (_, n) =>
    new Intl.DateTimeFormat("pt-BR", { ...options, timeZone: "UTC" })
      .format(Date.UTC(2023, from === "day" ? 0 : n, from === "day" ? n + 1 : 1))
      .replace(".", ""),
  );
const places = document.querySelectorAll("[data-plot]");
if (window.Plotly) {
  Plotly.register({
    moduleType: "locale",
    name: "pt-BR",
    dictionary: {},
    format: {
      days: names("day", 7, { weekday: "long" }),
      shortDays: names("day", 7, { weekday: "short" }),
      months: names("month", 12, { month: "long" }),
      shortMonths: names("month", 12, { month: "short" }),
      date: "%d/%m/%Y",
      decimal: ",",
      thousands: ".",
    },
  });
  for (const place of places) {
    const text = place.querySelector("script").textContent;
    place.replaceChildren();
    place.figure = text;
    draw(place);
    const table = place.parentElement.querySelector("[data-plot-table]");
    if (table) table.open = false;
  }
  document.addEventListener("previsto:theme", () => places.forEach(draw));
}
