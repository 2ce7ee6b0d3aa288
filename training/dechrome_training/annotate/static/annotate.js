// @ts-check
// The labelling page. Text of pages is only ever set as textContent; the server's policy forbids anything else.
"use strict";

/**
 * @typedef {{text: string, cut?: number, guess: string, guessed_kind: string, confidence?: number, doubtful?: boolean,
 *   label?: string, kind?: string, path?: string, form: string, level?: number, depth?: number, marker?: string,
 *   quoted?: boolean, row?: number, column?: number, place?: string}} Block
 * @typedef {{number: number, name: string, short: string, site: string, quality: number | null, doubt: number, size: number,
 *   progress: string, problem: string}} Entry
 */

const LETTERS = { content: "C", image: "I", chrome: "X" };
const KIND_KEYS = {
  n: "navigation", c: "cookie_notice", s: "share", u: "subscribe", a: "account", m: "comments", r: "related",
  d: "read_more", p: "pagination", f: "search", l: "legal", b: "byline", v: "advertisement", w: "paywall",
  i: "browser_notice", o: "other",
};
const CHUNK = 40; // rows
const FOLDED = 240; // characters; longer texts are folded to three lines

/** @type {Entry[]} */
let pages = [];
/** @type {any} */
let page = null; // the open page, as the server sent it; page.blocks are Block
/** @type {HTMLElement[]} */
let rows = [];
let current = 0; // the block where one is
let anchor = 0; // the other end of the selection
/** @type {{indices: number[], label: string, kind?: string} | null} */
let lastLabel = null;
let jumping = true; // whether one came by jumping to doubtful blocks, or by walking
let queue = Promise.resolve(); // changes on their way to the server, one after the other
let unsaved = 0;
let lookTimer = 0;
let reading = true; // whether the server still reads pages
let isOneSite = false;

const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const list = $("blocks");

// ---- talking to the server

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, options);
  if (!answer.ok) throw Object.assign(new Error((await answer.json().catch(() => ({}))).detail), { status: answer.status });
  return answer.json();
}

/** Send one step; what is shown already is confirmed, or put right by the answer. */
function send(change) {
  const target = page;
  unsaved += 1;
  queue = queue.then(() => deliver(target, change)).finally(() => { unsaved -= 1; });
  return queue;
}

async function deliver(target, change) {
  let answer;
  while (!answer) {
    try {
      answer = await ask(`api/pages/${target.number}`, change);
    } catch (/** @type {any} */ error) {
      if (error.status) { // refused: what is shown goes back to what is saved
        if (target === page) await loadPage(target.number, current);
        showLost(`Not saved: ${error.message || error.status}`);
        return;
      }
      showLost(`Not saved: dechrome annotate does not answer. ${unsaved} change${unsaved > 1 ? "s wait" : " waits"} here. ` +
        "If it was stopped, start it again and open the new address: all before this is saved.");
      await wait(1000);
    }
  }
  showLost("");
  if (target === page) takeAnswer(answer);
  const entry = pages.find((known) => known.number === target.number);
  if (entry && entry.progress !== answer.progress) await refreshPages().catch(() => {});
}

function takeAnswer(answer) {
  const { changed, ...state } = answer;
  const isMine = answer.version - page.version <= 1;
  Object.assign(page, state);
  if (!isMine) { // changed in another window, too
    loadPage(page.number, current);
    return;
  }
  if (unsaved === 1) { // later steps are shown already, and their answers follow
    for (const [index, label, kind] of changed) mark(index, label, kind);
    if (changed.length) refreshLook();
  }
  showFacts();
}

function showLost(message) {
  $("lost").textContent = message;
  $("lost").hidden = !message;
}

const isLost = () => !$("lost").hidden && unsaved > 0;

// ---- the list of pages

async function refreshPages() {
  const answer = await ask("api/pages");
  pages = answer.pages;
  reading = answer.read < pages.length;
  const done = pages.filter((entry) => entry.progress === "done").length;
  const all = done + pages.filter(isToDo).length;
  $("progress").textContent = `${done} of ${all} pages done`;
  $("bar").max = all;
  $("bar").value = done;
  $("reading").textContent = reading ? `reading: ${answer.read} of ${pages.length}` : "most doubtful first";
  $("next-step").hidden = !done;
  const out = /^[\w./-]+$/.test(answer.out) ? answer.out : `'${answer.out.replaceAll("'", "'\\''")}'`;
  for (const code of document.querySelectorAll(".command")) code.textContent = `dechrome train --add ${out} --out my_model`;
  showPages();
}

/** Whether a page is not done, and has something to label as far as one knows. */
const isToDo = (/** @type {Entry} */ entry) => entry.progress !== "done" && (entry.quality === null || entry.size > 0);

/** @type {Map<number, HTMLElement>} */
const items = new Map();

function showPages() {
  isOneSite = new Set(pages.map((entry) => entry.site)).size < 2;
  const order = pages.map((entry) => {
    const item = items.get(entry.number) || makeItem(entry);
    fillItem(item, entry);
    return item;
  });
  const shown = $("page-list").children;
  if (order.length !== shown.length || order.some((item, i) => shown[i] !== item)) {
    const focused = document.activeElement;
    $("page-list").replaceChildren(...order);
    if ($("page-list").contains(focused)) /** @type {HTMLElement} */ (focused).focus();
  }
}

function makeItem(entry) {
  const item = element("li");
  const button = element("button");
  button.append(element("span", "mark"), element("span", "name"), element("span", "quality"), element("span", "more"));
  button.addEventListener("click", () => { closePages(); openPage(entry.number); });
  item.append(button);
  items.set(entry.number, item);
  return item;
}

function fillItem(item, entry) {
  const [sign, name, quality, more] = item.firstChild.children;
  item.className = entry.progress;
  setText(sign, { new: "○", begun: "◐", done: "✓" }[entry.progress]);
  setText(name, entry.short);
  setText(quality, entry.quality === null ? "…" : entry.quality.toFixed(2));
  const size = entry.quality === null ? "" : `${entry.size} block${entry.size === 1 ? "" : "s"}`;
  const facts = [entry.progress === "new" ? "" : entry.progress, entry.problem || size, isOneSite ? "" : entry.site];
  setText(more, facts.filter(Boolean).join(" · "));
  item.firstChild.title = `${entry.name}\nexpected quality ${entry.quality === null ? "not known yet" : entry.quality.toFixed(2)}`;
  const isOpen = page !== null && page.number === entry.number;
  if (isOpen !== item.firstChild.hasAttribute("aria-current")) {
    item.firstChild.toggleAttribute("aria-current", isOpen);
    if (isOpen) item.firstChild.setAttribute("aria-current", "page");
  }
}

/** Open the next page that is not done, or the one that was open before. */
function turnPage(step) {
  if (step < 0) {
    const before = visited.pop();
    if (before === undefined) say("No page was open before this one");
    else openPage(before, true);
    return;
  }
  const open = pages.filter(isToDo);
  const here = open.findIndex((entry) => page && entry.number === page.number);
  const next = open[(here + 1) % open.length];
  if (!next) showDialog("finished");
  else if (page && next.number === page.number) say("No other page is left");
  else openReadable(next.number);
}

/** Open a page; one that cannot be read is passed over. */
async function openReadable(number) {
  const before = wanted;
  if (await openPage(number) || wanted !== before || isLost()) return;
  await refreshPages();
  const failed = pages.find((entry) => entry.number === number);
  if (failed && !isToDo(failed)) turnPage(1);
}

/** @type {number[]} */
const visited = []; // pages that were open before this one

function openPages() {
  $("pages").classList.add("open");
  $("toggle-pages").setAttribute("aria-expanded", "true");
  const here = $("page-list").querySelector("[aria-current]") || $("page-list").querySelector("button");
  if (here) here.focus();
}

function togglePages() {
  if ($("pages").classList.contains("open")) closePages(); else openPages();
}

function closePages() {
  $("pages").classList.remove("open");
  $("toggle-pages").setAttribute("aria-expanded", "false");
  list.focus();
}

// ---- one page

let opening = 0; // counts the pages that were asked for; the last one is shown
/** @type {number | null} */
let wanted = null; // the page that is open, or on its way

/** Open a page, if all steps are saved; tell whether that worked. */
async function openPage(number, isBack = false) {
  if (isLost()) return false;
  if (number === wanted) return true; // loaded again, it would take the place of one that is being labelled
  const before = page;
  wanted = number;
  await queue; // what is asked for below has all steps in it
  const isOpen = await loadPage(number);
  if (isOpen && before && !isBack) visited.push(before.number);
  if (!isOpen && wanted === number) wanted = page && page.number;
  return isOpen;
}

/** Show a page as the server has it; tell whether that worked. */
async function loadPage(number, place) {
  const turn = opening += 1;
  let answer;
  try {
    answer = await ask(`api/pages/${number}`);
  } catch (/** @type {any} */ error) {
    showLost(`This page cannot be opened: ${error.message}`);
    return false;
  }
  if (turn !== opening) return false;
  showLost("");
  page = answer;
  list.replaceChildren();
  rows = page.blocks.map(makeRow);
  for (let i = 0; i < rows.length; i += CHUNK) { // the browser lays out the chunks in view alone
    const chunk = element("div", "chunk");
    chunk.setAttribute("role", "presentation");
    chunk.append(...rows.slice(i, i + CHUNK));
    list.append(chunk);
  }
  if (!rows.length) list.append(element("p", "empty", `Nothing to label here: ${page.problem || "no blocks"}.`));
  current = anchor = 0;
  lastLabel = null;
  list.scrollTop = 0;
  move(place ?? firstPlace());
  jumping = true;
  showFacts();
  showPages();
  showLook();
  list.focus();
  say(`${page.name}: ${rows.length} blocks`);
  return true;
}

/** Where to go on: at the first doubtful block; else, on a page that is begun, at the last one labelled. */
function firstPlace() {
  const doubtful = page.blocks.findIndex(isOpenDoubt);
  if (doubtful >= 0) return doubtful;
  return page.progress === "begun" ? page.blocks.findLastIndex((/** @type {Block} */ block) => block.label) : 0;
}

const labelOf = (/** @type {Block} */ block) => block.label || block.guess;
const kindOf = (/** @type {Block} */ block) => block.label ? block.kind : block.guess === "chrome" ? block.guessed_kind : undefined;
const isOpenDoubt = (/** @type {Block} */ block) => Boolean(block.doubtful && !block.label);

function makeRow(/** @type {Block} */ block, /** @type {number} */ index) {
  const row = element("div");
  row.id = `block-${index}`;
  row.setAttribute("role", "option");
  row.setAttribute("aria-selected", "false");
  const before = page.blocks[index - 1];
  row.dataset.set = setting(block, before);
  row.dataset.place = before && before.place === block.place ? "" : block.place || "";
  const text = element("span", "text");
  if (block.marker) text.append(element("span", "marker", block.marker));
  if (block.column) text.append(element("span", "column", `${block.row}·${block.column}`));
  text.append(block.cut ? `${block.text}… (${block.cut} more characters)` : block.text);
  text.dir = "auto";
  const meta = element("span", "meta");
  meta.title = block.path || "";
  row.append(element("span", "badge"), text, meta);
  if (block.text.length > FOLDED) {
    const fold = element("button", "fold", "more");
    fold.tabIndex = -1;
    row.append(fold);
    row.dataset.folded = "folded";
  }
  fillRow(row, block);
  return row;
}

/** How a block is set, as class names. */
function setting(/** @type {Block} */ block, /** @type {Block | undefined} */ before) {
  const names = [block.form];
  if (block.form === "heading") names.push(`heading-${Math.min(block.level || 4, 4)}`);
  if (block.depth) names.push(`depth-${Math.min(block.depth, 3)}`);
  if (block.quoted) names.push("quoted");
  if (block.column) names.push("cell");
  if (block.column && (!before || before.row !== block.row)) names.push("row-start");
  if (before && before.place !== block.place) names.push("section");
  return names.join(" ");
}

function fillRow(/** @type {HTMLElement} */ row, /** @type {Block} */ block) {
  const label = labelOf(block), kind = kindOf(block);
  const isHere = row.classList.contains("current");
  row.className = ["block", label, row.dataset.set, row.dataset.folded, isHere && "current"].filter(Boolean).join(" ");
  setText(row.children[0], LETTERS[label]);
  const meta = row.children[2];
  const said = element("span", "said", kind ? words(kind) : label);
  const isChanged = block.label && (block.label !== block.guess || (block.kind && block.kind !== block.guessed_kind));
  const percent = `${Math.round(100 * (block.confidence || 0))}%`;
  let sure = element("span", block.doubtful ? "doubt" : "sure", block.doubtful ? `? ${percent}` : percent);
  if (isChanged) sure = element("span", "changed", "✎");
  else if (block.label) sure = element("span", "sure", "✓");
  sure.title = `${isChanged ? "changed" : block.label ? "accepted" : "predicted"}: ${block.guess} with ${percent}`;
  meta.replaceChildren(said, " ", sure);
  if (kind && label === "chrome") said.title = "chrome";
  if (row.dataset.place) meta.append(element("span", "place", row.dataset.place));
}

function showFacts() {
  const counts = { content: 0, image: 0, chrome: 0 };
  let doubts = 0;
  for (const block of page.blocks) {
    counts[labelOf(block)] += 1;
    doubts += isOpenDoubt(block) ? 1 : 0;
  }
  setText($("title"), page.title || page.short);
  const quality = page.quality === null ? "" : `quality ${page.quality.toFixed(2)} · `;
  const state = page.progress === "done" ? "✓ done · " : "";
  const what = Object.entries(counts).filter(([, count]) => count).map(([label, count]) => `${count} ${label}`);
  setText($("facts"), `${state}${quality}${what.join(", ")}${page.title ? ` · ${page.short}` : ""}`);
  setText($("doubts"), String(doubts));
  document.title = `${page.title || page.short} – dechrome annotate`;
  $("undo").disabled = !page.can_undo && !unsaved;
  $("redo").disabled = !page.can_redo;
}

// ---- moving and selecting

/** Go to a block; `extend` keeps the other end of the selection. */
function move(index, extend = false, scroll = true) {
  if (!rows.length) return;
  const [oldFirst, oldLast] = selection();
  const target = Math.max(0, Math.min(rows.length - 1, index));
  rows[current].classList.remove("current");
  current = target;
  if (!extend) anchor = target;
  const [first, last] = selection();
  for (let i = oldFirst; i <= oldLast; i += 1) if (i < first || i > last) rows[i].setAttribute("aria-selected", "false");
  for (let i = first; i <= last; i += 1) if (rows[i].ariaSelected !== "true") rows[i].setAttribute("aria-selected", "true");
  rows[current].classList.add("current");
  list.setAttribute("aria-activedescendant", rows[current].id);
  if (scroll) rows[current].scrollIntoView({ block: "nearest" });
  pointLook();
}

const selection = () => [Math.min(anchor, current), Math.max(anchor, current)];

function step(by, extend) {
  jumping = false;
  move(current + by, extend);
}

/** Go to the next run of doubtful blocks, or say that there is none. */
function jump(direction = 1, from = current) {
  jumping = true;
  const isOpen = (/** @type {number} */ i) => i >= 0 && isOpenDoubt(page.blocks[i]);
  for (let i = from + direction; i >= 0 && i < rows.length; i += direction) {
    if (isOpen(i) && !isOpen(i - 1)) { move(i); return; }
  }
  say(direction > 0 ? "No doubtful block below; a accepts the page" : "No doubtful block above");
}

/** Go to the next block with another label than the one before it. */
function jumpToChange(direction) {
  jumping = false;
  for (let i = current + direction; i > 0 && i < rows.length; i += direction) {
    if (labelOf(page.blocks[i]) !== labelOf(page.blocks[i - 1])) { move(i); return; }
  }
  move(direction > 0 ? rows.length - 1 : 0);
}

/** Select all blocks of the smallest element around the selection that holds more; in text, those with one label. */
function expand() {
  const [first, last] = selection();
  const blocks = page.blocks;
  let path = blocks[current].path || "";
  if (!path) {
    const label = labelOf(blocks[current]);
    select(...grow(current, (i) => labelOf(blocks[i]) === label));
    return;
  }
  while (path) {
    const [from, to] = grow(current, (i) => blocks[i].path === path || (blocks[i].path || "").startsWith(`${path}/`));
    if (from <= first && to >= last && to - from > last - first) { select(from, to); return; }
    path = path.slice(0, path.lastIndexOf("/"));
  }
}

function grow(index, holds) {
  let from = index, to = index;
  while (from > 0 && holds(from - 1)) from -= 1;
  while (to + 1 < rows.length && holds(to + 1)) to += 1;
  return [from, to];
}

function select(from, to) {
  move(to);
  move(from, true);
  say(`${to - from + 1} blocks selected`);
}

// ---- labelling

function mark(index, label, kind) {
  const block = page.blocks[index];
  block.label = label || undefined;
  block.kind = kind || undefined;
  fillRow(rows[index], block);
}

/** Label the selection, then go on the way one came. */
function setLabel(label, kind) {
  if (!rows.length || isLost()) return;
  const [first, last] = selection();
  applyLabel(Array.from({ length: last - first + 1 }, (_, i) => first + i), label, kind);
  if (jumping) { move(last); jump(1, last); } else if (last > first) move(last); else move(last + 1);
}

function applyLabel(indices, label, kind) {
  lastLabel = { indices, label, kind };
  for (const i of indices) mark(i, label, label === "chrome" ? kind || page.blocks[i].guessed_kind : undefined);
  send({ action: "label", blocks: toRanges(indices), label, kind: kind || null });
  const count = indices.length;
  say(`${count === 1 ? `block ${indices[0] + 1}` : `${count} blocks`}: ${label}${kind ? `, ${words(kind)}` : ""}`);
  refreshLook();
  showFacts();
}

/** Give the label that was given last to all blocks like those: at the same place in the markup, predicted the same. */
function labelAlike() {
  if (!lastLabel || isLost()) return;
  const { indices, label, kind } = lastLabel;
  const looks = new Set(indices.map((i) => look(page.blocks[i])));
  const alike = page.blocks.map((_, i) => i).filter((i) => !page.blocks[i].label && looks.has(look(page.blocks[i])));
  if (!alike.length) { say("No other block is like it"); return; }
  applyLabel(alike, label, kind);
  if (jumping && page.blocks[current].label) jump();
}

const look = (/** @type {Block} */ block) => `${block.guess} ${block.path ? block.path.replaceAll(/\[\d+\]/g, "") : block.text}`;

/** Return sorted numbers as pairs of first and last. */
function toRanges(indices) {
  const ranges = [];
  for (const i of indices) {
    const range = ranges[ranges.length - 1];
    if (range && range[1] === i - 1) range[1] = i; else ranges.push([i, i]);
  }
  return ranges;
}

function accept() {
  if (!rows.length || isLost()) return;
  const last = selection()[1];
  for (let i = 0; i <= last; i += 1) {
    const block = page.blocks[i];
    if (!block.label) mark(i, block.guess, block.guess === "chrome" ? block.guessed_kind : undefined);
  }
  send({ action: "accept", blocks: [[0, last]] });
  say(`accepted up to block ${last + 1}`);
  jump(1, last);
  showFacts();
}

async function acceptPage() {
  if (isLost() || !page) return;
  const target = wanted;
  if (rows.length) await send({ action: "finish" });
  if (wanted === target) turnPage(1); // unless another page was chosen meanwhile
}

async function back(action) {
  if (isLost() || !rows.length) return;
  await queue; // the answer says what has changed, so that all before it must be known
  const before = page.blocks.map((/** @type {Block} */ block) => `${block.label} ${block.kind}`);
  const target = page;
  await send({ action });
  if (page !== target) return;
  const place = page.blocks.findIndex((/** @type {Block} */ block, i) => `${block.label} ${block.kind}` !== before[i]);
  if (place >= 0) move(place);
  say(place >= 0 ? `${action}: block ${place + 1}` : `${action}: nothing left on this page`);
  showFacts();
}

function chooseKind() {
  if (!rows.length) return;
  const likely = kindOf(page.blocks[current]) || page.blocks[current].guessed_kind;
  showDialog("kinds");
  for (const button of $("kind-list").children) {
    button.setAttribute("aria-pressed", String(button.value === likely));
    if (button.value === likely) button.focus();
  }
}

function takeKind(kind) {
  $("kinds").close();
  setLabel("chrome", kind);
}

// ---- the page as it looked

const lookAddress = () => `page/${page.number}/look?style=${$("own-style").checked}&v=${page.version}-${lookTimer}`;
let lookShown = "";

/** Load the second view anew, marked with the labels that are saved. */
function showLook() {
  if ($("look").hidden || !page) return;
  lookShown = new URL(lookAddress(), document.baseURI).href;
  pointLook();
}

function pointLook() {
  if ($("look").hidden || !lookShown) return;
  $("frame").contentWindow.location.replace(`${lookShown}#dechrome-${current}`);
}

function refreshLook() {
  if ($("look").hidden) return;
  clearTimeout(lookTimer);
  lookTimer = window.setTimeout(() => queue.then(showLook), 250);
}

function toggleLook() {
  const isShown = $("look").hidden;
  $("look").hidden = !isShown;
  $("toggle-look").setAttribute("aria-pressed", String(isShown));
  showLook();
  if (rows.length) rows[current].scrollIntoView({ block: "nearest" });
  list.focus();
}

// A click into the frame is a link to the server, which answers "no content"; here it shows as a loss of focus.
let picks = 0;
window.addEventListener("blur", () => {
  if (document.activeElement !== $("frame")) return;
  setTimeout(() => list.focus());
  ask(`api/picked?after=${picks}`).then((picked) => {
    const isNew = picked.count > picks && page && picked.page === page.number;
    picks = picked.count;
    if (isNew) { jumping = false; move(picked.block); }
  }).catch(() => {});
});

// ---- keys and mouse

/** @type {Record<string, (event: KeyboardEvent) => unknown>} */
const KEYS = {
  j: (event) => step(1, event.shiftKey),
  k: (event) => step(-1, event.shiftKey),
  arrowdown: (event) => step(1, event.shiftKey),
  arrowup: (event) => step(-1, event.shiftKey),
  home: (event) => step(-rows.length, event.shiftKey),
  end: (event) => step(rows.length, event.shiftKey),
  pagedown: (event) => step(10, event.shiftKey),
  pageup: (event) => step(-10, event.shiftKey),
  d: (event) => jump(event.shiftKey ? -1 : 1),
  w: (event) => jumpToChange(event.shiftKey ? -1 : 1),
  e: expand,
  c: () => setLabel("content"),
  x: () => setLabel("chrome"),
  i: () => setLabel("image"),
  t: chooseKind,
  s: labelAlike,
  enter: accept,
  a: acceptPage,
  u: (event) => back(event.shiftKey ? "redo" : "undo"),
  n: () => turnPage(1),
  p: () => turnPage(-1),
  o: () => unfold(rows[current]),
  v: toggleLook,
  l: togglePages,
  "?": () => showDialog("help"),
  escape: () => { move(current); closePages(); },
};
const ONCE = "anpuv?l"; // keys that do nothing while they are held down
const ROWS = "dweotcxis"; // keys that mean nothing on an empty page

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  const target = /** @type {HTMLElement} */ (event.target);
  const isCommand = event.ctrlKey || event.metaKey;
  let action;
  if (isCommand && (key === "z" || key === "y")) action = () => back(key === "y" || event.shiftKey ? "redo" : "undo");
  else if (Object.hasOwn(KEYS, key)) action = () => KEYS[key](event);
  if ((isCommand && key !== "z" && key !== "y") || event.altKey) return;
  if ($("kinds").open) action = kindAction(key);
  else if (document.querySelector("dialog[open]")) return;
  else if (key === "enter" && target.closest("button")) return; // presses the button
  else if (target.closest("#pages") && key.startsWith("arrow")) action = () => walkPages(target, key === "arrowdown" ? 1 : -1);
  else if ((event.repeat && ONCE.includes(key)) || (!rows.length && ROWS.includes(key))) return;
  if (!action) return;
  event.preventDefault();
  action();
});

function kindAction(key) {
  if (Object.hasOwn(KIND_KEYS, key)) return () => takeKind(KIND_KEYS[key]);
  return key.startsWith("arrow") ? () => walkKinds(key) : undefined;
}

function walkKinds(key) {
  const buttons = [...$("kind-list").children];
  const columns = getComputedStyle($("kind-list")).gridTemplateColumns.split(" ").length;
  const by = { arrowright: 1, arrowleft: -1, arrowdown: columns, arrowup: -columns }[key] || 0;
  const next = buttons[buttons.indexOf(document.activeElement) + by];
  if (next) next.focus();
}

function walkPages(target, by) {
  const item = target.closest("li");
  const next = item && (by > 0 ? item.nextElementSibling : item.previousElementSibling);
  if (next) next.firstChild.focus();
}

list.addEventListener("click", (event) => {
  const row = event.target.closest(".block");
  if (!row) return;
  if (event.target.closest(".fold")) { unfold(row); return; }
  jumping = false;
  move(rows.indexOf(row), event.shiftKey, false);
  list.focus();
});
list.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); }); // no text selection

function unfold(row) {
  if (!row.dataset.folded) return;
  const isFolded = row.classList.toggle("folded");
  row.dataset.folded = isFolded ? "folded" : " ";
  row.querySelector(".fold").textContent = isFolded ? "more" : "less";
}

function onClick(id, action) {
  $(id).addEventListener("click", (event) => { action(event); if (!document.querySelector("dialog[open]")) list.focus(); });
}
onClick("undo", () => back("undo"));
onClick("redo", () => back("redo"));
onClick("toggle-look", toggleLook);
onClick("show-help", () => showDialog("help"));
onClick("doubtful", () => jump(1));
onClick("expand", () => rows.length && expand());
onClick("accept", accept);
onClick("accept-all", acceptPage);
onClick("next", () => turnPage(1));
onClick("previous", () => turnPage(-1));
onClick("choose-kind", chooseKind);
onClick("alike", labelAlike);
for (const button of document.querySelectorAll("button[data-label]")) {
  button.addEventListener("click", () => { setLabel(/** @type {HTMLElement} */ (button).dataset.label); list.focus(); });
}
$("toggle-pages").addEventListener("click", togglePages);
$("own-style").addEventListener("change", () => { showLook(); list.focus(); });
for (const [key, kind] of Object.entries(KIND_KEYS)) {
  const button = element("button");
  button.value = kind;
  button.append(element("kbd", "", key), words(kind));
  button.addEventListener("click", () => takeKind(kind));
  $("kind-list").append(button);
}

// ---- small things

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function words(/** @type {string} */ name) {
  return name.replaceAll("_", " ");
}

function say(/** @type {string} */ message) {
  $("status").textContent = message;
}

function wait(/** @type {number} */ milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Open a dialog; when it closes, the browser gives the focus back to what had it: the list. */
function showDialog(/** @type {string} */ id) {
  list.focus();
  $(id).showModal();
}

async function start() {
  await refreshPages();
  for (let tries = 0; reading && tries < 8; tries += 1) { // the order of few pages is known at once
    await wait(100);
    await refreshPages();
  }
  const begun = pages.find((entry) => entry.progress === "begun");
  if (begun) await openReadable(begun.number);
  else if (pages.some(isToDo)) turnPage(1);
  else {
    await openPage(pages[0].number);
    showDialog("finished");
  }
  while (reading) {
    await wait(500);
    await refreshPages().catch(() => {});
  }
}

start();
