"use strict";

// Text of the data becomes textContent, never markup.
const data = JSON.parse(document.getElementById("data").textContent);
const LANE_HEIGHT = 26;
const TABLE_PAGE = 500;
const MAX_TICKS = 12;
const MAX_EXPLAINED = 20;
const NARROWEST_NAMED = 0.015; // of the time shown; a narrower event has no room for its name

const find = (id) => document.getElementById(id);
const state = { day: 0, days: 1, chosen: null, tableRows: TABLE_PAGE };

function make(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
const nameOf = (resource) => data.resources[resource] || "no resource";

for (const event of data.events) {
  event.groups = [];
  event.searched = `${event.name}\n${event.location}`.toLowerCase();
}
for (const group of data.groups) {
  for (const index of group.members) data.events[index].groups.push(group);
}
const overlaps = data.groups
  .flatMap((group) => group.overlaps.map(
    (overlap, index) => ({ ...overlap, group, every: group.every?.[index] })))
  .sort((one, other) => one.start - other.start);

// Filters

function matches(event) {
  const resource = find("resource").value;
  return event.searched.includes(find("text").value.trim().toLowerCase())
    && (resource === "" || event.resources.includes(Number(resource)))
    && (event.groups.length > 0 || !find("conflicting").checked);
}

const membersOf = (overlap) => overlap.members.length ? overlap.members : overlap.group.members;

function overlapMatches(overlap) {
  const resource = find("resource").value;
  return (resource === "" || overlap.group.resource === Number(resource))
    && membersOf(overlap).some((index) => matches(data.events[index]));
}

function shownTime() {
  const { days } = data;
  if (!days.length) return { from: 0, to: 1, days };
  if (state.days === 0) {
    const to = data.events.reduce((last, event) => Math.max(last, event.end), days.at(-1).end);
    return { from: days[0].start, to, days };
  }
  const shown = days.slice(state.day, state.day + state.days);
  return { from: shown[0].start, to: shown.at(-1).end, days: shown };
}

const isWithin = ({ start, end }, { from, to }) =>
  start < to && (end > from || (start === end && start >= from));

// The timeline

function ticksOf(time) {
  if (time.days.length === 1) return time.days[0].ticks;
  const step = Math.ceil(time.days.length / MAX_TICKS);
  return time.days
    .filter((_, index) => index % step === 0)
    .map((day) => [day.start, day.label.replace(/ \d+$/, "")]);
}

function place(element, { start, end }, { from, to }) {
  const left = Math.max(start, from);
  element.style.left = `${(100 * (left - from)) / (to - from)}%`;
  element.style.width = `${(100 * (Math.min(end, to) - left)) / (to - from)}%`;
}

function laneFinder() {
  const ends = [];
  return (event) => {
    let lane = ends.findIndex((end) => end <= event.start);
    if (lane < 0) lane = ends.length;
    ends[lane] = Math.max(event.end, event.start + 1);
    return lane;
  };
}

function drawEvent(event, time, lane, resource) {
  const isNamed = event.end - event.start > NARROWEST_NAMED * (time.to - time.from);
  const button = make("button", isNamed ? event.name : "", "event");
  const hasConflict = event.groups.some((group) => group.resource === resource);
  button.type = "button";
  button.tabIndex = -1;
  button.classList.toggle("conflicting", hasConflict);
  button.style.top = `${lane * LANE_HEIGHT + 3}px`;
  button.title = `${event.name}\n${event.time}`;
  const status = hasConflict ? "double-booked" : "no conflict";
  button.setAttribute("aria-label", `${event.name}, ${event.time}, ${status}`);
  button.setAttribute("aria-pressed", String(event === state.chosen));
  button.shownEvent = event;
  place(button, event, time);
  return button;
}

// Adjacent overlaps look like one; a band for each could be thousands of elements.
function merged(inOrder) {
  const spans = [];
  for (const { start, end } of inOrder) {
    const last = spans.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else spans.push({ start, end });
  }
  return spans;
}

function drawRow(resource, events, time) {
  const row = make("section", "", "row");
  const conflicting = overlaps.filter(
    (overlap) => overlap.group.resource === resource && isWithin(overlap, time));
  const heading = make("h3", nameOf(resource));
  heading.append(make("small", conflicting.length ? count(conflicting.length, "overlap") : "no overlap"));
  const lanes = make("div", "", "lanes");
  for (const [start] of ticksOf(time)) {
    const tick = make("div", "", "tick");
    place(tick, { start, end: start }, time);
    lanes.append(tick);
  }
  for (const span of merged(conflicting)) {
    const band = make("div", "", "band");
    place(band, span, time);
    lanes.append(band);
  }
  const laneOf = laneFinder();
  let height = 1;
  for (const event of events) {
    const lane = laneOf(event);
    height = Math.max(height, lane + 1);
    lanes.append(drawEvent(event, time, lane, resource));
  }
  lanes.style.height = `${height * LANE_HEIGHT + 4}px`;
  row.setAttribute("aria-label", nameOf(resource));
  row.append(heading, lanes);
  return row;
}

function drawAxis(time) {
  const labels = ticksOf(time).filter(([start]) => start < time.to).map(([start, text]) => {
    const label = make("span", text);
    label.style.left = `${(100 * (start - time.from)) / (time.to - time.from)}%`;
    return label;
  });
  find("axis").replaceChildren(...labels);
}

function drawTimeline() {
  const time = shownTime();
  const byResource = data.resources.map(() => []);
  const only = find("resource").value;
  for (const event of sortedEvents) {
    if (!isWithin(event, time) || !matches(event)) continue;
    for (const resource of event.resources) {
      if (only === "" || Number(only) === resource) byResource[resource].push(event);
    }
  }
  const rows = byResource.flatMap((events, resource) =>
    events.length ? [drawRow(resource, events, time)] : []);
  find("rows").replaceChildren(...(rows.length ? rows : [make("p", "Nothing to show here.")]));
  drawAxis(time);
  nameTime(time);
  makeReachable();
}

const sortedEvents = [...data.events].sort((one, other) => one.start - other.start);

function nameTime({ days, from, to }) {
  const labels = [...new Set([days[0], days.at(-1)].filter(Boolean).map((day) => day.label))];
  find("range").textContent = labels.join(" to ") || "No events";
  find("earlier").disabled = state.days === 0 || state.day === 0;
  find("later").disabled = state.days === 0 || state.day + state.days >= data.days.length;
  find("previous").disabled = state.days === 0 || !conflictBefore(from);
  find("next").disabled = state.days === 0 || !conflictFrom(to);
}

const conflictBefore = (from) =>
  overlaps.findLast((overlap) => overlap.start < from && overlapMatches(overlap));
const conflictFrom = (to) =>
  overlaps.find((overlap) => overlap.start >= to && overlapMatches(overlap));

function goTo(day) {
  state.day = Math.max(0, Math.min(day, data.days.length - 1));
  drawTimeline();
}

const dayOf = (start) => Math.max(0, data.days.findLastIndex((day) => day.start <= start));

// Keyboard: the timeline is one tab stop; arrow keys move within it

const buttons = () => [...find("rows").querySelectorAll(".event")];

function makeReachable() {
  const all = buttons();
  const stop = all.find((button) => button.shownEvent === state.chosen) ?? all[0];
  if (stop) stop.tabIndex = 0;
}

function neighbour(button, key) {
  const all = buttons();
  const at = all.indexOf(button);
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  if (key === "ArrowRight") return all[at + 1];
  if (key === "ArrowLeft") return all[at - 1];
  const row = button.closest(".row");
  const other = key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling;
  const distance = (one) => Math.abs(one.shownEvent.start - button.shownEvent.start);
  return other && [...other.querySelectorAll(".event")]
    .reduce((best, one) => (distance(one) < distance(best) ? one : best));
}

function onKey(press) {
  const keys = ["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "Home", "End"];
  const button = press.target.closest(".event");
  if (!button || !keys.includes(press.key)) return;
  press.preventDefault();
  const next = neighbour(button, press.key);
  if (!next) return;
  button.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

// The explanation

function choose(event) {
  state.chosen = event;
  for (const button of buttons()) {
    const pressed = String(button.shownEvent === event);
    if (button.ariaPressed !== pressed) button.ariaPressed = pressed;
  }
  explain(event);
}

function reveal(event) {
  state.chosen = event;
  if (!isWithin(event, shownTime())) state.day = dayOf(event.start);
  draw();
  explain(event);
  buttons().find((button) => button.shownEvent === event)?.focus();
}

function linkTo(event) {
  const link = make("button", `${event.name} (${event.time}; ${event.location})`);
  link.type = "button";
  link.addEventListener("click", () => reveal(event));
  return link;
}

function atMost(items, render, tag = "p") {
  const more = items.length - MAX_EXPLAINED;
  const elements = items.slice(0, MAX_EXPLAINED).map(render);
  return more > 0 ? [...elements, make(tag, `and ${more} more`)] : elements;
}

function explainOverlap(overlap, event) {
  const item = make("li", `${overlap.time}: ${overlap.lasts}, ${overlap.depth} at once`);
  const others = overlap.members.map((index) => data.events[index]).filter((other) => other !== event);
  item.append(...atMost(others, linkTo));
  return item;
}

function explainGroup(group, event) {
  const resource = data.resources[group.resource];
  const own = group.overlaps.filter((overlap) =>
    overlap.members.length
      ? overlap.members.some((index) => data.events[index] === event)
      : isWithin(overlap, { from: event.start, to: event.end }));
  const list = make("ul");
  list.append(...atMost(own, (overlap) => explainOverlap(overlap, event), "li"));
  return [make("h3", resource ? `Double-booked: ${resource}` : "Double-booked"), list];
}

function explainSuggestions({ suggestions }) {
  if (!suggestions) return [];
  const list = make("ul");
  list.append(...suggestions.map((time) => make("li", time)));
  return [make("h3", suggestions.length ? "Free times" : "No free time is near"), list];
}

function explain(event) {
  const conflicts = event.groups.length
    ? event.groups.flatMap((group) => explainGroup(group, event))
    : [make("p", "No conflicts.")];
  find("explanation").replaceChildren(
    make("h2", event.name), make("p", event.time), make("p", event.location, "hint"),
    ...conflicts, ...explainSuggestions(event));
}

// The table

function tableRow(overlap) {
  const row = make("tr");
  const events = make("td");
  if (overlap.members.length) {
    events.textContent = overlap.members.map((index) => data.events[index].name).join(", ");
  } else {
    events.textContent = `of ${count(overlap.group.members.length, "event")}`;
  }
  row.append(make("td", overlap.every ?? overlap.time), make("td", overlap.lasts),
    make("td", nameOf(overlap.group.resource)), make("td", overlap.depth), events);
  return row;
}

function drawTable(maxRows = state.tableRows) {
  const shown = overlaps.filter((overlap) => !overlap.group.repeated && overlapMatches(overlap));
  find("body").replaceChildren(...shown.slice(0, maxRows).map(tableRow));
  find("overlaps").textContent = count(shown.length, "overlap");
  find("more").hidden = shown.length <= maxRows;
}

// The whole page

const isTable = () => document.querySelector("[name=view]:checked").value === "table";

function draw() {
  find("timeline").hidden = isTable();
  find("table").hidden = !isTable();
  if (isTable()) drawTable();
  else drawTimeline();
  const shown = data.events.filter(matches).length;
  find("status").textContent = `${shown} of ${count(data.events.length, "event")}`;
}

function listen() {
  find("filter").addEventListener("input", draw);
  find("filter").addEventListener("submit", (submit) => submit.preventDefault());
  find("earlier").addEventListener("click", () => goTo(state.day - state.days));
  find("later").addEventListener("click", () => goTo(state.day + state.days));
  find("previous").addEventListener("click",
    () => goTo(dayOf(conflictBefore(shownTime().from).start)));
  find("next").addEventListener("click", () => goTo(dayOf(conflictFrom(shownTime().to).start)));
  find("scale").addEventListener("change", (change) => {
    state.days = Number(change.target.value);
    drawTimeline();
  });
  find("rows").addEventListener("click", (click) => {
    const button = click.target.closest(".event");
    if (button) choose(button.shownEvent);
  });
  find("rows").addEventListener("keydown", onKey);
  find("more").addEventListener("click", () => {
    state.tableRows += TABLE_PAGE;
    drawTable();
  });
  window.addEventListener("beforeprint", () => drawTable(overlaps.length));
}

function start() {
  const leftOut = data.left_out ? `; ${count(data.left_out, "event")} without a conflict not shown` : "";
  find("zone").textContent = `Times are in ${data.zone}${leftOut}.`;
  find("resource").append(...data.resources.map((_, resource) => {
    const option = make("option", nameOf(resource));
    option.value = resource;
    return option;
  }));
  if (overlaps.length) state.day = dayOf(overlaps[0].start);
  listen();
  draw();
}

start();
