"use strict";

// Makes the table of packages sort, filter and turn pages. Texts become text nodes and nothing
// else; the page's policy forbids the ways to make markup of them.
(() => {
  const ROWS_AT_A_TIME = 100;
  const ROWS_PRINTED = 1000;

  // The places of a row's values, as `rows.py` writes them.
  const [NAME, OWNER, TYPE, VISIBILITY, VERSIONS, UNTAGGED, DAY, NOTE, FOLDER, PAGE, FOUND] =
    Array.from({ length: 11 }, (_, place) => place);

  const byId = (id) => document.getElementById(id);
  if (!byId("table")) return;

  const data = JSON.parse(byId("data").textContent);
  const rows = data.rows;
  const number = new Intl.NumberFormat("en-US");
  const collator = new Intl.Collator("en", { numeric: true });
  const noteOf = (row) => (row[NOTE] === null ? "" : data.notes[row[NOTE]]);
  const numberOf = (count) => (count === null ? "" : number.format(count));

  const state = { words: [], rule: null, sort: null, ascending: true, page: 0 };
  let order = rows.map((_, place) => place);
  let shown = order;

  // What the text filter looks through.
  const searched = rows.map((row) =>
    [
      row[NAME],
      data.owners[row[OWNER]],
      data.types[row[TYPE]],
      data.visibilities[row[VISIBILITY]],
      noteOf(row),
    ]
      .join(" ")
      .toLowerCase(),
  );

  // For each text its place among all, so that texts are compared once and rows by numbers.
  function ranked(texts) {
    const sorted = [...new Set(texts)].sort(collator.compare);
    const ranks = new Map(sorted.map((text, rank) => [text, rank]));
    return texts.map((text) => ranks.get(text));
  }

  const ofList = (list, field) => {
    const ranks = ranked(list);
    return rows.map((row) => ranks[row[field]]);
  };
  const KEYS = {
    name: () => ranked(rows.map((row) => row[NAME])),
    owner: () => ofList(data.owners, OWNER),
    type: () => ofList(data.types, TYPE),
    visibility: () => ofList(data.visibilities, VISIBILITY),
    versions: () => rows.map((row) => row[VERSIONS] ?? -1),
    untagged: () => rows.map((row) => row[UNTAGGED] ?? -1),
    updated: () => ofList(data.days, DAY),
    findings: () => rows.map((row) => row[FOUND].length),
  };
  const keys = new Map();

  function sort() {
    if (!keys.has(state.sort)) keys.set(state.sort, KEYS[state.sort]());
    const key = keys.get(state.sort);
    const sign = state.ascending ? 1 : -1;
    order = rows.map((_, place) => place).sort((a, b) => sign * (key[a] - key[b]) || a - b);
  }

  function filter() {
    const { words, rule } = state;
    shown = order.filter(
      (place) =>
        words.every((word) => searched[place].includes(word)) &&
        (rule === null || rows[place][FOUND].some(([each]) => each === rule)),
    );
  }

  const template = byId("row").content.firstElementChild;

  function element(place) {
    const row = rows[place];
    const made = template.cloneNode(true);
    const fill = (name, text) => {
      const cell = made.querySelector(`[data-cell=${name}]`);
      if (cell) cell.textContent = text;
      return cell;
    };
    made.querySelector("bdi").append(linked(row));
    fill("note", noteOf(row));
    fill("owner", data.owners[row[OWNER]]);
    fill("type", data.types[row[TYPE]]);
    const visibility = data.visibilities[row[VISIBILITY]];
    fill("visibility", visibility).dataset.value = visibility;
    fill("versions", numberOf(row[VERSIONS]));
    fill("untagged", numberOf(row[UNTAGGED]));
    fill("updated", data.days[row[DAY]]);
    const findings = fill("findings", "");
    if (findings) findings.append(...row[FOUND].map(([, detail]) => chip(data.details[detail])));
    return made;
  }

  function linked(row) {
    const url = row[FOLDER] === null ? "" : data.folders[row[FOLDER]] + row[PAGE];
    // It was checked when the page was written; a second look costs nothing.
    if (!/^https?:\/\//i.test(url)) return row[NAME];
    const link = document.createElement("a");
    link.href = url;
    link.rel = "noopener noreferrer";
    link.textContent = row[NAME];
    return link;
  }

  function chip(text) {
    const made = document.createElement("span");
    made.className = "chip";
    made.textContent = text;
    return made;
  }

  const tellPackages = (count) => `${number.format(count)} package${count === 1 ? "" : "s"}`;

  function show(from = state.page * ROWS_AT_A_TIME, count = ROWS_AT_A_TIME) {
    byId("rows").replaceChildren(...shown.slice(from, from + count).map(element));
    const some = shown.length < rows.length;
    byId("status").textContent = some
      ? `${number.format(shown.length)} of ${tellPackages(rows.length)} match`
      : tellPackages(rows.length);
    byId("clear").hidden = !(state.words.length || state.rule !== null);
    const last = Math.max(Math.ceil(shown.length / ROWS_AT_A_TIME) - 1, 0);
    byId("pages").hidden = last === 0;
    byId("place").textContent = `Page ${number.format(state.page + 1)} of ${number.format(last + 1)}`;
    // A button that is disabled loses the keyboard's focus.
    byId("previous").setAttribute("aria-disabled", String(state.page === 0));
    byId("next").setAttribute("aria-disabled", String(state.page === last));
  }

  function changed() {
    state.page = 0;
    filter();
    show();
  }

  function turn(by) {
    const page = state.page + by;
    if (page < 0 || page * ROWS_AT_A_TIME >= shown.length) return;
    state.page = page;
    show();
    byId("table").scrollIntoView();
  }

  const headings = [...document.querySelectorAll("#table [data-sort]")];

  function sortBy(heading) {
    const { sort: key, first } = heading.dataset;
    state.ascending = state.sort === key ? !state.ascending : first === "ascending";
    state.sort = key;
    for (const each of headings) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
    sort();
    changed();
  }

  for (const heading of headings) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sortBy(heading));
    heading.replaceChildren(button);
  }

  const words = byId("words");
  const rule = byId("rule");
  const rules = rule ? [...rule.options].slice(1).map((option) => option.value) : [];

  function readFilters() {
    state.words = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    state.rule = rule && rule.value ? rules.indexOf(rule.value) : null;
    changed();
  }

  words.addEventListener("input", readFilters);
  if (rule) rule.addEventListener("change", readFilters);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("clear").addEventListener("click", () => {
    byId("filters").reset();
    readFilters();
    words.focus();
  });
  byId("previous").addEventListener("click", () => turn(-1));
  byId("next").addEventListener("click", () => turn(1));

  // A finding leads to its packages.
  for (const link of document.querySelectorAll("a[data-rule]")) {
    link.addEventListener("click", () => {
      words.value = "";
      rule.value = link.dataset.rule;
      readFilters();
    });
  }

  // On paper there are no pages to turn to: what is shown is printed, up to a limit.
  addEventListener("beforeprint", () => {
    show(0, ROWS_PRINTED);
    byId("rest").hidden = shown.length <= ROWS_PRINTED;
    byId("rest").textContent = `And ${number.format(shown.length - ROWS_PRINTED)} more.`;
  });
  addEventListener("afterprint", () => {
    byId("rest").hidden = true;
    show();
  });

  byId("filters").hidden = false;
  // A reloaded page keeps what was typed.
  readFilters();
})();
