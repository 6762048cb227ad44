// @ts-check
/**
 * The front end of the conversation panel: plain DOM, one file, no build step.
 *
 * Texts come from the kernel, which has made their invisible characters visible; here they are set
 * as text and never parsed. What the user types stays in this page until a press sends it.
 *
 * It sends ({type, ...}, all values are strings):
 *   hello    {view}                     a page shows the panel; asks for everything
 *   ping     {view, number, seen}       every few seconds while the panel is in view
 *   open     {execution}                an execution's conversation; "" for the list
 *   piece    {press, at, name}          a piece of a file, as a buffer; `at` is the file's place
 *   send     {press, execution, text, files}
 *            a press of Send; `press` is random, and counts once; `files` are the sizes of its files
 *   cancel   {press}                    stop sending it
 *   look     {press}                    look for it in the execution; sends nothing
 *   stop     {}                         wait for no answer any longer
 *   control  {action, execution}        pause, resume or cancel the execution
 *   refresh  {}  touch  {}              read everything now; the user is there
 *
 * It receives:
 *   welcome  {view}                     the kernel has heard this page
 *   pong     {view, number}
 *   ack      {press}                    the kernel has taken this press
 *   view     {chosen, problem, key, note, stopped, inbox, conversation, presses}
 *            what to show; of the entries, only the new ones, and the order of all
 */

/**
 * @typedef {{send: (content: object, callbacks?: unknown, buffers?: ArrayBuffer[]) => unknown,
 *   on: (event: string, call: (...given: any[]) => void) => void,
 *   off: (event: string, call: (...given: any[]) => void) => void}} Model
 * @typedef {{key: string, kind: string, press: string, label: string, when: string, day: string,
 *   text: string, data: string, start: string, mark: string, extent: string,
 *   files: string[], items: {mark: string, text: string, note: string}[]}} Entry
 * @typedef {{press: string, text: string, typed: string, stage: string, at: string,
 *   activity: string, before: string, outcome: string, title: string, why: string, hint: string, note: string,
 *   ending: string, files: string[], gone: number[]}} Press `gone`: the places of its files that have
 *   arrived, or may have
 * @typedef {{header: string, question: string, several: boolean,
 *   options: {label: string, shown: string, note: string}[]}} Question
 * @typedef {{id: string, name: string, status: string, tone: string, waits: boolean, phase: string,
 *   isPaused: boolean, age: number | null, asks: string}} Listed
 * @typedef {{id: string, name: string, status: string, tone: string, waits: boolean, phase: string,
 *   isPaused: boolean, isKnown: boolean, isRead: boolean, isOver: boolean, isPurged: boolean,
 *   nothing: string, links: {name: string, url: string}[],
 *   waitsFor: string, since: number | null, began: number | null, age: number | null,
 *   questions: Question[], tellsDoing: boolean,
 *   doing: string, access: string, error: string, awaits: boolean, order: string[],
 *   entries: Entry[], hasOlder: boolean}} Conversation
 * @typedef {{entries: Listed[], waiting: number, hasMore: boolean, error: string,
 *   age: number | null}} InboxView
 * @typedef {{chosen: string, problem: string, key: string, note: string, stopped: boolean,
 *   inbox: InboxView, conversation: Conversation | null, presses: Press[]}} View
 * @typedef {{press: string, execution: string, text: string, files: File[], at: number, isTaken: boolean,
 *   isShown: boolean, isReturned: boolean, isLost: boolean, outcome: string, ping: number}} Own a press
 *   of this page, after the ping with this number; `isLost`: its kernel did not take it, or is gone
 */

// Less than ten seconds in all, until a silent kernel is noticed.
const PING_MS = 2500;
const SILENT_MS = 6500;
// The kernel has this long to take a press before the bubble says that it waits.
const SLOW_MS = 300;
const TOUCH_MS = 2000;
// In bytes: a message to the kernel may be ten megabytes long, and all files of a press this much.
const PIECE = 1_000_000;
const MOST_BYTES = 50_000_000;
const MINOR = new Set(["action", "thinking", "note", "todos", "system"]);
// More minor entries than this in a row are folded.
const MOST_MINOR = 2;
/** @type {Record<string, string>} */
const ANSWERS = { Approve: "Approved. Please go on.", Reject: "Rejected. Please do not do this." };
/** @type {Record<string, string>} */
const STATES = {
  waiting: "Waiting for the kernel",
  queued: "Waiting for the message before",
  sending: "Sending",
  looking: "Looking for the message",
  delivered: "Delivered",
  not_delivered: "Not delivered",
  unknown: "May have been delivered",
};
/** @type {Record<string, string>} */
const MARKS = { not_delivered: "✗ ", unknown: "? " };
/** @type {Record<string, string>} */
const ENDINGS = {
  spoke: "The agent has spoken.",
  asks: "The agent asks you something.",
  confirm: "The agent waits for your confirmation.",
  over: "The execution is over.",
  time: "No answer so far.",
};
const SILENT = "The kernel is not answering; your text is kept here. It may be busy, or restarted.";

/**
 * What closed panels of this page have left, which a new run of a cell must not lose: the drafts,
 * each once, their files, and the presses that are not known to be delivered.
 * @type {{drafts: Map<string, Set<string>>, files: Map<string, File[]>, presses: Own[]}}
 */
const LEFT = leftByOthers();

function leftByOthers() {
  const page = /** @type {Record<symbol, typeof LEFT>} */ (/** @type {unknown} */ (globalThis));
  const name = Symbol.for("asteroid-magic left 2");
  page[name] ??= { drafts: new Map(), files: new Map(), presses: [] };
  return page[name];
}

// Plain DOM

/** @returns {string} */
function random() {
  const numbers = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(numbers, (one) => one.toString(16).padStart(8, "0")).join("");
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {string} [className]
 * @param {string} [text]
 * @param {Record<string, string>} [attributes]
 * @returns {HTMLElementTagNameMap[K]}
 */
function make(name, className = "", text = "", attributes = {}) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/**
 * @param {string} text
 * @param {() => void} press
 * @param {string} [className]
 */
function button(text, press, className = "") {
  const made = make("button", `ac-button ${className}`, text);
  made.type = "button";
  made.addEventListener("click", press);
  return made;
}

/**
 * Words of an agent or a user, in their own direction.
 * @param {string} text
 */
function words(text) {
  return make("div", "ac-words", text, { dir: "auto" });
}

/**
 * Set a text in place, so that a live region speaks it and nothing else moves.
 * @param {Element} element
 * @param {string} text
 */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {HTMLElement} element
 * @param {boolean} isShown
 */
function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

/**
 * A link to what the kernel has found safe. The page looks once more, and shows the host that it
 * would really go to; null for what it would not follow.
 * @param {{name: string, url: string}} link
 * @returns {HTMLAnchorElement | null}
 */
function anchor({ name, url }) {
  if (!/^https?:\/\/[^/?#\\%\s]+(?:[/?#][^\\\s]*)?$/.test(url)) return null;
  try {
    const { protocol, host, username, password } = new URL(url);
    if (!["http:", "https:"].includes(protocol) || username || password) return null;
    const attributes = { href: url, target: "_blank", rel: "noopener noreferrer" };
    return make("a", "ac-link", `${name} (${host})`, attributes);
  } catch {
    return null;
  }
}

/** @param {number} size */
function bytes(size) {
  for (const [unit, least] of /** @type {[string, number][]} */ ([
    ["MB", 1e6],
    ["kB", 1e3],
  ])) {
    if (size >= least) return `${Number((size / least).toFixed(size < 10 * least ? 1 : 0))} ${unit}`;
  }
  return size === 1 ? "1 byte" : `${size} bytes`;
}

/** @param {number} seconds */
function age(seconds) {
  const passed = Math.max(0, Math.floor(seconds));
  if (passed < 60) return `${passed} s`;
  if (passed < 3600) return `${Math.floor(passed / 60)} min`;
  if (passed < 86400) return `${Math.floor(passed / 3600)} h`;
  const days = Math.floor(passed / 86400);
  return days === 1 ? "1 day" : `${days} days`;
}

/**
 * Make the children of an element these nodes, and move only those that are not in their place.
 * @param {Element} parent
 * @param {Node[]} nodes
 */
function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of Array.from(parent.childNodes)) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, at) => {
    const there = parent.childNodes[at] ?? null;
    if (there !== node) parent.insertBefore(node, there);
  });
}

/**
 * The line to the kernel: hands over what the page says, and notices if nobody answers.
 */
class Line {
  /**
   * @param {Model} model
   * @param {HTMLElement} root what must be in view for the kernel to keep it up to date
   * @param {{onView: (view: View) => void, onAck: (press: string) => void,
   *   onPong: (number: number) => void, onSilence: () => void}} listener
   */
  constructor(model, root, listener) {
    this.model = model;
    this.listener = listener;
    this.view = random();
    this.number = 0;
    this.isInView = true;
    // A page without an answer to its hello has no kernel yet.
    this.isWelcome = false;
    this.isSilent = false;
    /** @type {number | null} when the ping went out that no answer has followed */
    this.waitsSince = null;
    this.touchedAt = -TOUCH_MS;
    this.take = (/** @type {unknown} */ content) => this.receive(content);
    this.ping = () => this.askForAnswer();
    model.on("msg:custom", this.take);
    this.watcher = new IntersectionObserver((seen) => {
      this.isInView = seen[seen.length - 1].isIntersecting;
      this.ping();
    });
    this.watcher.observe(root);
    document.addEventListener("visibilitychange", this.ping);
    this.pinging = setInterval(this.ping, PING_MS);
    this.tell({ type: "hello" });
  }

  close() {
    this.model.off("msg:custom", this.take);
    this.watcher.disconnect();
    document.removeEventListener("visibilitychange", this.ping);
    clearInterval(this.pinging);
  }

  /** Whether a press would reach the kernel, as far as the page knows. */
  get isOpen() {
    return this.isWelcome && !this.isSilent;
  }

  /**
   * @param {Record<string, string>} content
   * @param {ArrayBuffer[]} [buffers]
   * @returns {boolean} whether it could be handed over
   */
  tell(content, buffers) {
    try {
      this.model.send({ view: this.view, ...content }, undefined, buffers);
      return true;
    } catch {
      // After a restart of the kernel, there is nobody to tell.
      return false;
    }
  }

  /** Say that the user is there, now and then. */
  touch() {
    const now = performance.now();
    if (now - this.touchedAt < TOUCH_MS) return;
    this.touchedAt = now;
    this.tell({ type: "touch" });
  }

  askForAnswer() {
    const isSeen = this.isInView && document.visibilityState === "visible";
    if (!isSeen) {
      this.waitsSince = null;
      return;
    }
    this.waitsSince ??= performance.now();
    this.number += 1;
    this.tell({ type: "ping", number: String(this.number), seen: "1" });
    if (!this.isWelcome) this.tell({ type: "hello" });
  }

  /** Note silence; called every second. */
  tick() {
    if (this.waitsSince === null || performance.now() - this.waitsSince < SILENT_MS) return;
    this.setSilent(true);
  }

  /** @param {unknown} content */
  receive(content) {
    if (content === null || typeof content !== "object") return;
    const said = /** @type {Record<string, string>} */ (content);
    this.waitsSince = null;
    if (said.type === "welcome") this.isWelcome = true;
    this.setSilent(false);
    if (said.type === "ack") this.listener.onAck(String(said.press));
    if (said.type === "pong" && said.view === this.view) this.listener.onPong(Number(said.number));
    if (said.type === "view") this.listener.onView(/** @type {View} */ (content));
  }

  /** @param {boolean} isSilent */
  setSilent(isSilent) {
    if (this.isSilent === isSilent) return;
    this.isSilent = isSilent;
    this.listener.onSilence();
  }
}

/**
 * What can be done with an execution: pause, resume, cancel.
 */
class Menu {
  /** @param {(action: string) => void} control */
  constructor(control) {
    this.root = make("div", "ac-menu-box");
    this.more = button("⋯", () => this.open(Boolean(this.menu.hidden)), "ac-plain");
    this.more.setAttribute("aria-label", "More");
    this.more.setAttribute("aria-haspopup", "menu");
    this.more.setAttribute("aria-expanded", "false");
    this.menu = make("div", "ac-menu", "", { role: "menu" });
    this.pause = this.item("Pause", () => control("pause"));
    this.resume = this.item("Resume", () => control("resume"));
    this.menu.append(
      this.pause,
      this.resume,
      this.item("Cancel execution", () => this.ask()),
    );
    const question = "Cancel this execution?";
    this.sure = make("div", "ac-sure", "", { role: "group", "aria-label": question });
    this.keep = button("Keep it running", () => this.answer());
    const yes = button("Yes, cancel it", () => {
      this.answer();
      control("cancel");
    });
    this.sure.append(make("span", "", question), yes, this.keep);
    this.menu.hidden = true;
    this.sure.hidden = true;
    this.root.append(this.more, this.menu, this.sure);
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    this.root.addEventListener("focusout", (event) => {
      const next = event.relatedTarget;
      if (!(next instanceof Node && this.root.contains(next))) this.hide();
    });
  }

  /**
   * @param {string} text
   * @param {() => void} press
   */
  item(text, press) {
    const made = button(text, () => {
      this.open(false);
      press();
    });
    made.setAttribute("role", "menuitem");
    made.tabIndex = -1;
    return made;
  }

  /** @param {Conversation | null} conversation */
  draw(conversation) {
    const isShown = Boolean(conversation?.isKnown && !conversation.isOver);
    if (!isShown) this.hide();
    show(this.root, isShown);
    show(this.pause, !conversation?.isPaused);
    show(this.resume, Boolean(conversation?.isPaused));
  }

  hide() {
    show(this.menu, false);
    show(this.sure, false);
    this.more.setAttribute("aria-expanded", "false");
  }

  /** @param {boolean} isOpen */
  open(isOpen) {
    this.hide();
    show(this.menu, isOpen);
    this.more.setAttribute("aria-expanded", String(isOpen));
    (isOpen ? this.items()[0] : this.more).focus();
  }

  ask() {
    show(this.sure, true);
    this.keep.focus();
  }

  answer() {
    show(this.sure, false);
    this.more.focus();
  }

  /** @returns {HTMLButtonElement[]} */
  items() {
    return Array.from(this.menu.querySelectorAll("button")).filter((one) => !one.hidden);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.key === "Escape" && !(this.menu.hidden && this.sure.hidden)) {
      event.preventDefault();
      event.stopPropagation();
      this.hide();
      this.more.focus();
      return;
    }
    if (this.menu.hidden) return;
    const items = this.items();
    const at = items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    /** @type {Record<string, number>} */
    const places = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
    if (!(event.key in places)) return;
    event.preventDefault();
    items[(places[event.key] + items.length) % items.length].focus();
  }
}

/**
 * The message that the user writes; a draft for each execution, in this page only.
 */
class Composer {
  /**
   * @param {() => void} press
   * @param {() => void} onEdit
   */
  constructor(press, onEdit) {
    this.root = make("div", "ac-composer");
    this.box = make("textarea", "ac-box", "", { "aria-label": "Message", placeholder: "Message…" });
    this.send = button("Send", press, "ac-send");
    /** @type {Map<string, string>} */
    this.drafts = new Map();
    /** @type {Map<string, File[]>} what is attached to each draft */
    this.attached = new Map();
    this.chips = make("ul", "ac-chips", "", { role: "list", "aria-label": "Attached files" });
    this.picker = make("input");
    Object.assign(this.picker, { type: "file", multiple: true, hidden: true });
    this.picker.addEventListener("change", () => {
      this.attach(Array.from(this.picker.files ?? []));
      // The same file can be chosen again, once it was removed.
      this.picker.value = "";
      this.box.focus();
    });
    this.box.addEventListener("paste", (event) => {
      const files = Array.from(event.clipboardData?.files ?? []);
      if (!files.length || event.clipboardData?.types.includes("text/plain")) return;
      event.preventDefault();
      this.attach(files);
    });
    this.refused = "";
    this.execution = "";
    this.onEdit = onEdit;
    this.box.addEventListener("input", () => {
      this.keep();
      onEdit();
    });
    const side = make("div", "ac-side");
    const attach = button("Attach files", () => this.picker.click(), "ac-small ac-attach");
    side.append(this.send, make("span", "ac-keys", "Ctrl/⌘+Enter"), attach, this.picker);
    this.root.append(this.chips, this.box, side);
    this.grow();
  }

  get text() {
    return this.box.value;
  }

  /** What is attached, in the order in which it goes. */
  get files() {
    return this.attached.get(this.execution) ?? [];
  }

  /** @param {File[]} files */
  attach(files) {
    const all = [...this.files, ...files.filter((one) => !this.files.includes(one))];
    const size = all.reduce((sum, one) => sum + one.size, 0);
    this.refused = "";
    if (size > MOST_BYTES) {
      const most = `${MOST_BYTES / 1e6} MB`;
      this.refused = `Not attached: all files together may have ${most}. For more, use %asteroid_send --attach.`;
    } else this.attached.set(this.execution, all);
    this.drawFiles();
    this.onEdit();
  }

  /** @param {File} [file] the one to take away; all of them without it */
  detach(file) {
    this.attached.set(
      this.execution,
      this.files.filter((one) => file && one !== file),
    );
    this.refused = "";
    this.drawFiles();
    this.onEdit();
  }

  drawFiles() {
    const chips = this.files.map((one) => {
      const chip = make("li", "ac-chip");
      const remove = button("×", () => this.remove(one), "ac-plain ac-remove");
      remove.setAttribute("aria-label", `Remove ${one.name}`);
      chip.append(make("span", "ac-file", `${one.name} (${bytes(one.size)})`, { dir: "auto" }), remove);
      return chip;
    });
    this.chips.replaceChildren(...chips);
    show(this.chips, chips.length > 0);
  }

  /** @param {File} file */
  remove(file) {
    this.detach(file);
    this.box.focus();
  }

  /** @param {string} execution */
  change(execution) {
    this.keep();
    this.execution = execution;
    const left = LEFT.drafts.get(execution) ?? [];
    this.box.value = Array.from(new Set([this.drafts.get(execution) ?? "", ...left]))
      .filter(Boolean)
      .join("\n");
    LEFT.drafts.delete(execution);
    this.attach(LEFT.files.get(execution) ?? []);
    LEFT.files.delete(execution);
    this.keep();
  }

  /** @param {string} text */
  write(text) {
    this.box.value = text;
    this.keep();
    this.onEdit();
  }

  /**
   * Put a text above what is typed.
   * @param {string} text
   */
  putAbove(text) {
    this.write(this.text ? `${text}\n${this.text}` : text);
    this.box.focus();
  }

  /**
   * Put an answer in place of the one before, or below what is typed.
   * @param {string} answer
   * @param {string} before
   */
  answer(answer, before) {
    const typed = this.text;
    const isThere = before && (typed === before || typed.endsWith(`\n${before}`));
    const own = isThere ? typed.slice(0, typed.length - before.length) : typed;
    if (!answer) this.write(isThere ? own.replace(/\n$/, "") : own);
    else this.write(own && !own.endsWith("\n") ? `${own}\n${answer}` : own + answer);
  }

  keep() {
    if (this.execution) this.drafts.set(this.execution, this.text);
    this.grow();
  }

  /** Leave the drafts to the next panel of this page. */
  leave() {
    this.keep();
    for (const [execution, text] of this.drafts) {
      if (text) LEFT.drafts.set(execution, (LEFT.drafts.get(execution) ?? new Set()).add(text));
    }
    for (const [execution, files] of this.attached) {
      if (files.length) LEFT.files.set(execution, [...(LEFT.files.get(execution) ?? []), ...files]);
    }
  }

  /** @param {boolean} canSend */
  draw(canSend) {
    this.send.setAttribute("aria-disabled", String(!canSend || !this.text.trim()));
  }

  grow() {
    this.box.rows = Math.min(12, Math.max(2, this.text.split("\n").length));
  }
}

/**
 * What the agent asks, and the buttons that answer by filling the message.
 */
class Questions {
  /**
   * @param {string} view
   * @param {(answer: string, before: string, isComplete: boolean) => void} answer
   */
  constructor(view, answer) {
    this.root = make("div", "ac-questions");
    this.view = view;
    this.answer = answer;
    this.drawn = "";
    this.execution = "";
    this.put = "";
    /** @type {Question[]} */
    this.asked = [];
    /** @type {Set<number>[]} the chosen options of each question, by their places */
    this.chosen = [];
    /**
     * What was chosen of the question of each execution, which its draft keeps as well.
     * @type {Map<string, {drawn: string, put: string, chosen: Set<number>[]}>}
     */
    this.kept = new Map();
  }

  /** @param {Conversation | null} conversation */
  draw(conversation) {
    const isConfirmation = conversation?.waitsFor === "confirm";
    const asked = conversation?.questions ?? [];
    const drawn = JSON.stringify([conversation?.id, conversation?.waitsFor, asked]);
    if (drawn === this.drawn) return;
    if (this.asked.length) {
      this.kept.set(this.execution, { drawn: this.drawn, put: this.put, chosen: this.chosen });
    }
    this.drawn = drawn;
    this.execution = conversation?.id ?? "";
    this.asked = isConfirmation ? asked.map(toConfirm) : asked;
    const kept = this.kept.get(this.execution);
    const isSame = kept?.drawn === drawn;
    this.chosen = isSame ? kept.chosen : asked.map(() => new Set());
    this.put = isSame ? kept.put : "";
    this.root.replaceChildren(...this.asked.map((one, at) => this.group(one, at, isConfirmation)));
    show(this.root, asked.length > 0);
  }

  /** What was chosen is sent: the next choice does not replace it. */
  forget() {
    this.put = "";
  }

  /**
   * @param {Question} asked
   * @param {number} at
   * @param {boolean} isConfirmation
   */
  group(asked, at, isConfirmation) {
    const name = words(asked.question || asked.header || "The agent waits for your answer.");
    name.id = `ac-${this.view}-${at}`;
    const group = make("div", "ac-question", "", { role: "group", "aria-labelledby": name.id });
    if (asked.header && asked.question) group.append(make("div", "ac-label", asked.header));
    group.append(name);
    if (asked.several) {
      group.append(...asked.options.map((option, place) => this.checkbox(at, place, option)));
    } else if (asked.options.length) {
      const row = make("div", "ac-options");
      asked.options.forEach((option, place) => {
        const made = this.option(row, at, place, option.shown);
        if (!option.note) return;
        made.setAttribute("aria-label", option.shown);
        made.setAttribute("aria-description", option.note);
        made.append(make("span", "ac-extent", option.note));
      });
      if (isConfirmation) {
        row.append(make("span", "ac-extent", "This writes a message, which you can edit and send."));
      }
      group.append(row);
    }
    return group;
  }

  /**
   * @param {HTMLElement} row
   * @param {number} at
   * @param {number} place
   * @param {string} text
   */
  option(row, at, place, text) {
    const made = button(
      text,
      () => {
        for (const one of row.querySelectorAll("button")) {
          one.setAttribute("aria-pressed", String(one === made));
        }
        this.choose(at, place);
      },
      "ac-option",
    );
    made.setAttribute("aria-pressed", String(this.chosen[at].has(place)));
    row.append(made);
    return made;
  }

  /**
   * @param {number} at
   * @param {number} place
   * @param {{label: string, shown: string, note: string}} option
   */
  checkbox(at, place, option) {
    const label = make("label", "ac-check");
    const box = make("input");
    box.type = "checkbox";
    box.checked = this.chosen[at].has(place);
    box.addEventListener("change", () => {
      if (box.checked) this.chosen[at].add(place);
      else this.chosen[at].delete(place);
      this.fill(false);
    });
    label.append(box, make("span", "", option.shown));
    if (option.note) label.append(make("span", "ac-extent", ` ${option.note}`));
    return label;
  }

  /**
   * @param {number} at
   * @param {number} place
   */
  choose(at, place) {
    this.chosen[at] = new Set([place]);
    this.fill(this.asked.length === 1);
  }

  /**
   * Put the answers into the message, in place of those before.
   * @param {boolean} isComplete
   */
  fill(isComplete) {
    const lines = this.asked.map((asked, at) => {
      const places = Array.from(this.chosen[at]).sort((one, other) => one - other);
      const line = places.map((place) => asked.options[place].label).join(", ");
      return line && this.asked.length > 1 ? `${asked.header || asked.question}: ${line}` : line;
    });
    const before = this.put;
    this.put = lines.filter(Boolean).join("\n");
    this.answer(this.put, before, isComplete);
  }
}

/**
 * A confirmation with its two answers, which are texts that the user can edit.
 * @param {Question} asked
 * @returns {Question}
 */
function toConfirm(asked) {
  if (asked.options.length) return asked;
  const options = Object.entries(ANSWERS).map(([shown, label]) => ({ label, shown, note: "" }));
  return { ...asked, options };
}

/**
 * The active executions, those that wait first.
 */
class Inbox {
  /** @param {(execution: string) => void} open */
  constructor(open) {
    this.root = make("ul", "ac-list", "", { role: "list", "aria-label": "Executions" });
    this.open = open;
    /** @type {Map<string, {node: HTMLElement, drawn: string, when: HTMLElement}>} */
    this.rows = new Map();
  }

  /**
   * @param {View} shown
   */
  draw(shown) {
    const inbox = shown.inbox;
    const nodes = inbox.entries.map((one) => this.row(one));
    const known = new Set(inbox.entries.map((one) => one.id));
    for (const id of Array.from(this.rows.keys())) if (!known.has(id)) this.rows.delete(id);
    if (!nodes.length) {
      let text = inbox.age === null ? "Reading the list…" : "No execution is active now.";
      if (shown.problem || (inbox.age === null && inbox.error)) text = "";
      nodes.push(make("li", "ac-empty", text));
    } else if (inbox.hasMore) {
      nodes.push(make("li", "ac-empty", "There are more: %asteroid_executions lists them."));
    }
    arrange(this.root, nodes);
  }

  /** @param {Listed} one */
  row(one) {
    const before = this.rows.get(one.id);
    const drawn = JSON.stringify({ ...one, age: null });
    if (before?.drawn === drawn) return before.node;
    const node = before?.node ?? make("li", "ac-row");
    const hadFocus = node.contains(document.activeElement);
    const press = button("", () => this.open(one.id), "ac-plain ac-execution");
    const when = make("span", "ac-age");
    const pill = make("span", `ac-pill ac-${one.tone}`, one.status);
    press.append(make("span", "ac-name", one.name, { dir: "auto" }), pill, when);
    if (one.asks) press.append(make("span", "ac-asks", one.asks, { dir: "auto" }));
    node.replaceChildren(press);
    if (hadFocus) press.focus();
    this.rows.set(one.id, { node, drawn, when });
    return node;
  }

  /**
   * @param {Listed[]} entries
   * @param {number} passed
   */
  drawAges(entries, passed) {
    for (const one of entries) {
      const when = this.rows.get(one.id)?.when;
      if (when) say(when, one.age === null ? "" : age(one.age + passed));
    }
  }

  focus() {
    this.root.querySelector("button")?.focus();
  }
}

/**
 * The conversation: its entries, and the bubbles of messages that are not among them yet.
 */
class Log {
  /**
   * @param {{tell: (content: Record<string, string>) => void,
   *   edit: (text: string, files: File[]) => void}} actions
   */
  constructor(actions) {
    this.actions = actions;
    this.root = make("div", "ac-log", "", { role: "log", "aria-label": "Conversation" });
    this.root.tabIndex = 0;
    /** @type {Map<string, Entry>} */
    this.entries = new Map();
    /** @type {Map<string, {node: HTMLElement, entry: Entry | null}>} */
    this.nodes = new Map();
    /** @type {Map<string, HTMLDetailsElement>} */
    this.groups = new Map();
    /** @type {Map<string, {node: HTMLElement, drawn: string, press: Press | null}>} */
    this.bubbles = new Map();
    /** @type {Node[]} */
    this.rows = [];
  }

  clear() {
    this.entries.clear();
    this.nodes.clear();
    this.groups.clear();
    this.bubbles.clear();
    this.rows = [];
    this.root.replaceChildren();
  }

  get isAtEnd() {
    return this.root.scrollHeight - this.root.scrollTop - this.root.clientHeight < 40;
  }

  scrollToEnd() {
    this.root.scrollTop = this.root.scrollHeight;
  }

  /** @param {Conversation} conversation */
  draw(conversation) {
    for (const entry of conversation.entries) this.entries.set(entry.key, entry);
    const known = new Set(conversation.order);
    for (const key of Array.from(this.entries.keys())) {
      if (known.has(key)) continue;
      this.entries.delete(key);
      this.nodes.delete(key);
      this.groups.delete(key);
    }
    /** @type {Node[]} */
    const rows = [];
    if (conversation.hasOlder) {
      rows.push(this.fixed("older", `Older entries: %asteroid_activities --all ${conversation.id}`));
    }
    /** @type {{key: string, node: HTMLElement}[]} */
    let minor = [];
    let day = "";
    const flush = () => {
      if (minor.length > MOST_MINOR) rows.push(this.group(minor));
      else rows.push(...minor.map((one) => one.node));
      minor = [];
    };
    for (const key of conversation.order) {
      const entry = this.entries.get(key);
      if (!entry) continue;
      if (entry.day && entry.day !== day) {
        flush();
        day = entry.day;
        rows.push(this.fixed(`day ${day}`, day));
      }
      const node = this.entry(entry);
      if (MINOR.has(entry.kind)) {
        minor.push({ key, node });
        continue;
      }
      flush();
      rows.push(node);
    }
    flush();
    const nothing = conversation.order.length ? "" : this.nothing(conversation);
    if (nothing) rows.push(this.fixed("none", nothing));
    this.rows = rows;
  }

  /** @param {Conversation} conversation */
  nothing(conversation) {
    if (conversation.isPurged || conversation.isRead) return conversation.nothing;
    return conversation.error ? "" : "Reading…";
  }

  /**
   * @param {string} key
   * @param {string} text
   */
  fixed(key, text) {
    const node = this.nodes.get(key)?.node ?? make("div", "ac-day");
    say(node, text);
    this.nodes.set(key, { node, entry: null });
    return node;
  }

  /** @param {{key: string, node: HTMLElement}[]} minor */
  group(minor) {
    const key = minor[0].key;
    let group = this.groups.get(key);
    if (!group) {
      group = make("details", "ac-group");
      group.append(make("summary"), make("div"));
      this.groups.set(key, group);
    }
    say(group.children[0], `${minor.length} steps`);
    arrange(
      group.children[1],
      minor.map((one) => one.node),
    );
    return group;
  }

  /** @param {Entry} entry */
  entry(entry) {
    const before = this.nodes.get(entry.key);
    if (before?.entry === entry) return before.node;
    const node = before?.node ?? make("div");
    const wasOpen = node.querySelector("details")?.open ?? false;
    node.className = `ac-entry ac-is-${entry.kind}`;
    const what = make("div", "ac-what");
    what.append(...this.parts(entry));
    if (entry.when) node.title = `${entry.day} ${entry.when}`;
    node.replaceChildren(make("span", "ac-when", entry.when.slice(0, 5)), what);
    const details = node.querySelector("details");
    if (details) details.open = wasOpen;
    this.nodes.set(entry.key, { node, entry });
    return node;
  }

  /**
   * @param {Entry} entry
   * @returns {(Node | string)[]}
   */
  parts(entry) {
    const extent = make("span", "ac-extent", entry.extent);
    if (entry.kind === "thinking") {
      const details = make("details");
      const summary = make("summary", "", `${entry.label} `);
      summary.append(make("span", "ac-start", entry.start));
      details.append(summary, words(entry.text));
      return [details];
    }
    if (entry.kind === "system") {
      const details = make("details");
      details.append(make("summary", "", entry.label), ...this.items(entry));
      return [details];
    }
    if (entry.kind === "action") {
      const mark = make("span", "ac-mark", entry.mark, { role: "img", "aria-label": entry.label });
      return [mark, ` ${entry.text} `, extent];
    }
    if (entry.kind === "note") {
      return [make("span", "ac-extent", `${entry.label}: `), entry.text];
    }
    /** @type {(Node | string)[]} */
    const parts = [];
    if (entry.kind !== "own") {
      const label = make("div", "ac-label", entry.label);
      if (entry.extent) label.append(" ", extent);
      parts.push(label);
    }
    parts.push(words(entry.text));
    if (entry.data) parts.push(make("pre", "ac-data", entry.data));
    parts.push(...this.items(entry));
    parts.push(...entry.files.map((one) => make("div", "ac-file", one, { dir: "auto" })));
    if (entry.kind === "own") parts.push(this.delivered(entry.when));
    return parts;
  }

  /** @param {Entry} entry */
  items(entry) {
    return entry.items.map((item) => {
      const line = make("div", "ac-item", `${item.mark} ${item.text} `);
      if (item.note) line.append(make("span", "ac-extent", item.note));
      return line;
    });
  }

  /** @param {string} when */
  delivered(when) {
    const attributes = { role: "img", "aria-label": `Delivered at ${when}` };
    const line = make("div", "ac-line");
    line.append(make("span", "ac-state", `✓ ${when.slice(0, 5)}`, attributes));
    return line;
  }

  /**
   * Put the entries and the bubbles in their places; keep the end in view if it was.
   * @param {Press[]} presses what the kernel knows
   * @param {Own[]} own what was pressed in this page, for this execution
   * @param {boolean} isSilent
   */
  arrange(presses, own, isSilent) {
    const wasAtEnd = this.isAtEnd;
    const known = new Set(presses.map((one) => one.press));
    const byPress = new Map(own.map((one) => [one.press, one]));
    const all = [...this.rows];
    for (const one of presses) {
      if (one.activity) continue;
      const bubble = this.bubble(one.press, one, byPress.get(one.press), isSilent);
      const next = this.nodes.get(one.before)?.node;
      const at = next ? all.indexOf(next) : -1;
      // What was sent after a message that failed stands below it.
      all.splice(at < 0 ? all.length : at, 0, bubble);
    }
    for (const one of own) {
      if (!known.has(one.press)) all.push(this.bubble(one.press, null, one, isSilent));
    }
    const stay = new Set(all);
    const { top } = this.root.getBoundingClientRect();
    // What the user reads stays in its place, also if older entries above it go.
    const read = Array.from(this.root.children).find(
      (one) => stay.has(one) && one.getBoundingClientRect().bottom > top,
    );
    const before = read?.getBoundingClientRect().top ?? 0;
    arrange(this.root, all);
    if (wasAtEnd) this.scrollToEnd();
    else if (read) this.root.scrollTop += read.getBoundingClientRect().top - before;
  }

  /**
   * @param {string} id
   * @param {Press | null} press
   * @param {Own | undefined} own
   * @param {boolean} isSilent
   */
  bubble(id, press, own, isSilent) {
    const state = stateOf(press, own);
    const isLost = !press && (isSilent || Boolean(own?.isLost));
    const drawn = `${state} ${Boolean(own?.isReturned)} ${isLost}`;
    const before = this.bubbles.get(id);
    // The kernel sends a press anew with every view: its text may be long, and is rarely new.
    const isSame = before?.press === press || JSON.stringify(before?.press) === JSON.stringify(press);
    if (before?.drawn === drawn && isSame) {
      before.press = press;
      return before.node;
    }
    const node = before?.node ?? make("div");
    const hadFocus = node.contains(document.activeElement);
    node.className = `ac-entry ac-is-own ac-${state}`;
    const what = make("div", "ac-what");
    const files = press?.files ?? own?.files.map((one) => `${one.name} (${bytes(one.size)})`) ?? [];
    what.append(words(press?.text ?? own?.text ?? ""));
    what.append(...files.map((one) => make("div", "ac-file", one, { dir: "auto" })));
    what.append(this.stateLine(state, press));
    for (const text of this.whys(press, isLost)) what.append(make("div", "ac-why", text));
    const buttons = this.buttons(id, state, press, own, isLost);
    if (buttons.length) {
      const row = make("div", "ac-buttons");
      row.append(...buttons);
      what.append(row);
    }
    node.replaceChildren(what);
    if (hadFocus) (buttons[0] ?? this.root).focus();
    this.bubbles.set(id, { node, drawn, press });
    return node;
  }

  /**
   * @param {string} state
   * @param {Press | null} press
   */
  stateLine(state, press) {
    if (state === "delivered" && press) return this.delivered(press.at);
    const line = make("div", "ac-line");
    const title = press?.title ? `: ${press.title}` : "";
    line.append(make("span", "ac-state", `${MARKS[state] ?? ""}${STATES[state] ?? state}${title}`));
    return line;
  }

  /**
   * @param {Press | null} press
   * @param {boolean} isLost
   */
  whys(press, isLost) {
    if (isLost) return ["The kernel has not answered: it may not have been sent."];
    if (!press || press.outcome === "delivered") return [];
    return [press.why, press.note, press.hint].filter(Boolean);
  }

  /**
   * @param {string} id
   * @param {string} state
   * @param {Press | null} press
   * @param {Own | undefined} own
   * @param {boolean} isLost
   */
  buttons(id, state, press, own, isLost) {
    const made = [];
    if (["waiting", "queued", "sending"].includes(state) && !isLost) {
      made.push(button("Cancel", () => this.actions.tell({ type: "cancel", press: id }), "ac-small"));
    }
    if (state === "unknown") {
      made.push(button("Look again", () => this.actions.tell({ type: "look", press: id }), "ac-small"));
    }
    // What may have been delivered is looked for once, before it can be sent again.
    const canEdit =
      isLost || (state === "not_delivered" && !own?.isReturned) || (state === "unknown" && press?.note);
    const text = own?.text ?? press?.typed ?? "";
    if (canEdit && text) {
      const edit = () => {
        // It does not come back a second time, once this text is sent.
        if (own) own.isReturned = true;
        this.actions.edit(text, leftOf(press, own));
      };
      made.push(button("Edit and resend", edit, "ac-small"));
    }
    return made;
  }
}

/**
 * The files of a press that have not arrived.
 * @param {Press | null} press
 * @param {Own | undefined} own
 */
function leftOf(press, own) {
  return own?.files.filter((_, at) => !press?.gone.includes(at)) ?? [];
}

/**
 * Whether a key in the panel is none of the notebook, where Ctrl+Enter would run the cell, and D D
 * delete it. Other keys with Ctrl keep their meaning, such as Ctrl+S.
 * @param {KeyboardEvent} event
 */
function isOwnKey(event) {
  return event.key === "Enter" || !(event.ctrlKey || event.metaKey || event.altKey);
}

/**
 * Tell JupyterLab, which looks at a key before the panel does, whether it is the panel's.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} root
 */
function claim(event, root) {
  const { target } = event;
  if (!(target instanceof Element && root.contains(target))) return;
  // Lab looks for this attribute at the focused element first, and at the panel too late.
  target.toggleAttribute("data-lm-suppress-shortcuts", isOwnKey(event));
}

/**
 * @param {Press | null} press
 * @param {Own | undefined} own
 */
function stateOf(press, own) {
  if (press) return press.stage === "done" ? press.outcome : press.stage;
  const waited = own ? performance.now() - own.at : 0;
  return own && !own.isTaken && waited > SLOW_MS ? "waiting" : "sending";
}

/**
 * One view of a panel: puts the parts together.
 */
class Chat {
  /**
   * @param {Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    /** @type {View | null} */
    this.shown = null;
    this.shownAt = 0;
    this.chosen = "";
    // What is to be told of the last command.
    this.noted = "";
    /** @type {Map<string, string> | null} how far each press was when it was told last */
    this.told = null;
    // True while files are read, before they are sent.
    this.isReading = false;
    // True while the user waits for what a click opens: the focus follows it.
    this.movesFocus = false;
    /** @type {Map<string, Own>} */
    this.own = new Map();
    this.root = make("section", "ac-chat", "", { role: "region", "aria-label": "Asteroid chat" });
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    this.claim = (/** @type {KeyboardEvent} */ event) => claim(event, this.root);
    window.addEventListener("keydown", this.claim, true);
    this.back = button("", () => this.open(""), "ac-plain ac-back");
    this.name = make("span", "ac-name", "Asteroid", { dir: "auto" });
    this.pill = make("span", "ac-pill");
    this.since = make("span", "ac-age");
    this.links = make("div", "ac-links");
    // What the links were last drawn from.
    this.linked = "";
    this.menu = new Menu((action) => {
      this.line.tell({ type: "control", action, execution: this.chosen });
    });
    this.banner = make("div", "ac-banner");
    this.inbox = new Inbox((execution) => this.open(execution));
    this.log = new Log({
      tell: (content) => this.line.tell(content),
      edit: (text, files) => {
        this.composer.putAbove(text);
        this.composer.attach(files);
      },
    });
    this.doing = make("div", "ac-doing");
    this.doingText = make("span", "ac-doing-text");
    this.stop = button("Stop waiting", () => this.line.tell({ type: "stop" }), "ac-small");
    this.composer = new Composer(
      () => this.press(),
      () => {
        this.line.touch();
        this.drawSend();
        if (this.composer.refused) say(this.status, this.composer.refused);
        this.drawBanner();
      },
    );
    this.updated = make("span", "ac-updated", "Waiting for the kernel…");
    this.refresh = button("Refresh", () => this.line.tell({ type: "refresh" }), "ac-small");
    this.source = make("span", "ac-source");
    this.status = make("div", "ac-status", "", { role: "status" });
    this.line = new Line(model, this.root, {
      onView: (view) => this.draw(view),
      onAck: (press) => this.onAck(press),
      onPong: (number) => this.onPong(number),
      onSilence: () => this.onSilence(),
    });
    this.questions = new Questions(this.line.view, (answer, before, isComplete) => {
      this.composer.answer(answer, before);
      // A checkbox keeps the focus for the next one.
      if (isComplete) this.composer.box.focus();
    });
    el.append(this.layOut());
    this.ticking = setInterval(() => this.tick(), 1000);
  }

  close() {
    clearInterval(this.ticking);
    window.removeEventListener("keydown", this.claim, true);
    this.line.close();
    this.composer.leave();
    LEFT.presses.push(...Array.from(this.own.values()).filter((one) => this.isOpenEnded(one)));
  }

  /**
   * Whether a press would be lost with this panel: its text is nowhere else.
   * @param {Own} own
   */
  isOpenEnded(own) {
    if (own.isReturned || own.outcome === "delivered") return false;
    // What the kernel is sending, it sends without the panel, unless it is gone.
    return Boolean(own.outcome) || own.isLost || !(own.isTaken || own.isShown) || this.line.isSilent;
  }

  layOut() {
    const bar = make("div", "ac-bar");
    const title = make("div", "ac-title");
    title.append(this.name, this.pill, this.since);
    bar.append(title, this.back, this.menu.root, this.links);
    this.doing.append(this.doingText, this.stop);
    const foot = make("div", "ac-foot");
    foot.append(this.updated, this.refresh, this.source);
    const hidden = [this.back, this.pill, this.menu.root, this.links, this.banner, this.inbox.root];
    hidden.push(this.log.root, this.doing, this.questions.root, this.composer.root);
    for (const part of hidden) show(part, false);
    this.root.append(
      bar,
      this.banner,
      this.inbox.root,
      this.log.root,
      this.doing,
      this.questions.root,
      this.composer.root,
      foot,
      this.status,
    );
    return this.root;
  }

  /** @returns {Conversation | null} */
  get conversation() {
    return this.chosen ? (this.shown?.conversation ?? null) : null;
  }

  tick() {
    this.line.tick();
    this.drawAges();
    this.arrange();
  }

  // What the user does

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (isOwnKey(event)) event.stopPropagation();
    const isSend = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    if (!isSend || !this.chosen) return;
    event.preventDefault();
    if (!event.repeat) this.press();
  }

  /** @param {string} execution */
  open(execution) {
    this.composer.keep();
    this.movesFocus = this.line.tell({ type: "open", execution });
  }

  press() {
    const { text } = this.composer;
    this.composer.box.focus();
    if (!text.trim()) {
      say(this.status, "Write a message first.");
      return;
    }
    if (!this.line.isOpen) {
      say(this.status, "Not sent: the kernel is not answering. Your text is kept.");
      return;
    }
    if (this.composer.files.length) this.pressWithFiles(this.chosen);
    else this.send(text, [], []);
  }

  /**
   * Read the files, then send them and the message, unless another conversation is open by then.
   * @param {string} execution
   */
  async pressWithFiles(execution) {
    if (this.isReading) return;
    this.isReading = true;
    say(this.status, "Reading the files.");
    this.drawSend();
    const { files } = this.composer;
    try {
      const contents = await Promise.all(files.map((one) => one.arrayBuffer()));
      const isSame = this.chosen === execution && this.composer.files === files;
      if (isSame && this.composer.text.trim()) this.send(this.composer.text, files, contents);
      else say(this.status, "Not sent: something was changed meanwhile. Nothing is lost.");
    } catch {
      this.composer.refused = "Not sent: a file can no longer be read. Remove it, or attach it again.";
      say(this.status, this.composer.refused);
      this.drawBanner();
    } finally {
      this.isReading = false;
      this.drawSend();
    }
  }

  /**
   * @param {string} text
   * @param {File[]} files
   * @param {ArrayBuffer[]} contents
   */
  send(text, files, contents) {
    const press = random();
    const execution = this.chosen;
    const isTold = contents.every((one, at) => this.sendPieces(press, at, files[at].name, one));
    const sizes = contents.map((one) => one.byteLength).join();
    if (!isTold || !this.line.tell({ type: "send", press, execution, text, files: sizes })) {
      this.line.setSilent(true);
      return;
    }
    const at = performance.now();
    const isNot = { isTaken: false, isShown: false, isReturned: false, isLost: false };
    const ping = this.line.number;
    this.own.set(press, { press, execution, text, files, at, ping, outcome: "", ...isNot });
    this.questions.forget();
    this.composer.detach();
    this.composer.write("");
    say(this.status, "Sending.");
    this.arrange();
    this.log.scrollToEnd();
    setTimeout(() => this.arrange(), SLOW_MS + 20);
  }

  /**
   * @param {string} press
   * @param {number} at
   * @param {string} name
   * @param {ArrayBuffer} content
   * @returns {boolean} whether all of them could be handed over
   */
  sendPieces(press, at, name, content) {
    for (let start = 0; start === 0 || start < content.byteLength; start += PIECE) {
      const piece = content.slice(start, start + PIECE);
      if (!this.line.tell({ type: "piece", press, at: String(at), name }, [piece])) return false;
    }
    return true;
  }

  // What the kernel says

  /** @param {string} press */
  onAck(press) {
    const own = this.own.get(press);
    if (own) Object.assign(own, { isTaken: true, isLost: false });
    this.arrange();
  }

  /**
   * The kernel takes what a page says in its order: what came before this ping has not arrived.
   * @param {number} number
   */
  onPong(number) {
    for (const one of this.own.values()) {
      if (!one.isTaken && !one.isShown && one.ping < number) one.isLost = true;
    }
    this.arrange();
  }

  onSilence() {
    this.drawBanner();
    this.drawSend();
    this.arrange();
    say(this.status, this.line.isSilent ? SILENT : "The kernel answers again.");
  }

  /** @param {View} shown */
  draw(shown) {
    const isOther = shown.chosen !== this.chosen || this.shown === null;
    const hadFocus = this.root.contains(document.activeElement);
    if (shown.note && shown.note !== this.shown?.note) this.noted = shown.note;
    this.shown = shown;
    this.shownAt = performance.now();
    if (isOther) this.change(shown.chosen);
    const conversation = this.conversation;
    this.drawBanner();
    this.drawBar();
    if (conversation) this.log.draw(conversation);
    else this.inbox.draw(shown);
    this.drawDoing();
    this.questions.draw(conversation);
    this.forget(shown.presses);
    for (const press of shown.presses) this.giveBack(press);
    this.arrange();
    this.drawAges();
    this.drawSend();
    this.announce();
    if (this.noted) say(this.status, this.noted);
    this.noted = "";
    if (isOther) this.moveFocus(hadFocus);
    else if (hadFocus && !hasFocus(this.root)) {
      if (this.chosen) this.composer.box.focus();
      else this.inbox.focus();
    }
  }

  /**
   * Follow to what a click has opened. What somebody else opens must not get the keys that the user
   * presses for what was there before.
   * @param {boolean} hadFocus
   */
  moveFocus(hadFocus) {
    if (this.movesFocus && this.chosen) this.composer.box.focus();
    else if (hadFocus && this.chosen) this.log.root.focus();
    else if (this.movesFocus || hadFocus) this.inbox.focus();
    this.movesFocus = false;
  }

  /** @param {string} chosen */
  change(chosen) {
    this.chosen = chosen;
    for (const one of LEFT.presses.filter((press) => press.execution === chosen)) {
      this.own.set(one.press, { ...one, isLost: true, isShown: false });
      LEFT.presses.splice(LEFT.presses.indexOf(one), 1);
    }
    this.log.clear();
    this.composer.change(chosen);
    this.menu.hide();
    this.told = null;
    say(this.status, "");
    show(this.inbox.root, !chosen);
    show(this.log.root, Boolean(chosen));
    show(this.composer.root, Boolean(chosen));
    // It begins at its end.
    requestAnimationFrame(() => this.log.scrollToEnd());
  }

  arrange() {
    if (!this.chosen) return;
    const own = Array.from(this.own.values()).filter((one) => one.execution === this.chosen);
    this.log.arrange(this.shown?.presses ?? [], own, this.line.isSilent);
  }

  /**
   * Forget the presses that the kernel has shown and forgotten: it keeps the latest only.
   * @param {Press[]} presses
   */
  forget(presses) {
    const known = new Set(presses.map((one) => one.press));
    for (const { press, outcome } of presses) {
      const one = this.own.get(press);
      if (one) Object.assign(one, { isShown: true, isLost: false, outcome });
    }
    for (const one of this.own.values()) {
      const isOld = one.isShown && !known.has(one.press);
      if (isOld && one.execution === this.chosen) this.own.delete(one.press);
    }
  }

  /**
   * Put the text of a message that failed back, if that overwrites nothing.
   * @param {Press} press
   */
  giveBack(press) {
    const own = this.own.get(press.press);
    if (!own || own.isReturned || press.outcome !== "not_delivered" || this.composer.text) return;
    own.isReturned = true;
    this.composer.write(own.text);
    this.composer.attach(leftOf(press, own));
  }

  drawBar() {
    const shown = this.shown;
    if (shown === null) return;
    const { inbox } = shown;
    const conversation = this.conversation;
    const others = inbox.entries.filter((one) => one.waits && one.id !== this.chosen).length;
    show(this.back, Boolean(this.chosen));
    say(this.back, others ? `‹ All executions · ${others} waiting` : "‹ All executions");
    say(this.name, this.chosen ? (conversation?.name ?? "…") : titleOf(inbox));
    say(this.pill, conversation?.isKnown ? conversation.status : "");
    this.pill.className = `ac-pill ac-${conversation?.tone ?? ""}`;
    show(this.pill, Boolean(this.pill.textContent));
    this.menu.draw(conversation);
    this.drawLinks(conversation?.links ?? []);
  }

  /** @param {{name: string, url: string}[]} links */
  drawLinks(links) {
    const drawn = JSON.stringify(links);
    if (drawn === this.linked) return;
    this.linked = drawn;
    const made = links.map(anchor).filter((one) => one !== null);
    this.links.replaceChildren(...made);
    show(this.links, made.length > 0);
  }

  drawBanner() {
    const text = this.line.isSilent ? SILENT : this.composer.refused || this.trouble();
    say(this.banner, text);
    show(this.banner, Boolean(text));
    this.root.classList.toggle("ac-is-silent", this.line.isSilent);
  }

  trouble() {
    const shown = this.shown;
    if (shown === null) return "";
    if (shown.problem) return shown.problem;
    const conversation = this.conversation;
    if (conversation?.error) {
      const isOld = conversation.isRead;
      return isOld
        ? `Reading failed: ${conversation.error}. What you see may be old.`
        : `${conversation.error}.`;
    }
    if (!this.chosen && shown.inbox.error) {
      return `The list could not be read: ${shown.inbox.error}.`;
    }
    return shown.note;
  }

  drawSend() {
    this.composer.draw(this.line.isOpen && !this.isReading);
  }

  drawDoing() {
    const conversation = this.conversation;
    const isAwaited = Boolean(conversation?.awaits);
    const doing = conversation?.waitsFor ? "" : (conversation?.doing ?? "");
    let text = "";
    if (isAwaited) text = doing ? `Waiting for the agent: ${doing}` : "Waiting for the agent…";
    else if (doing && conversation?.phase === "active" && !conversation.tellsDoing) text = `Now: ${doing}`;
    say(this.doingText, text);
    this.doing.classList.toggle("ac-awaits", isAwaited);
    show(this.stop, isAwaited);
    show(this.doing, Boolean(text));
  }

  drawAges() {
    const shown = this.shown;
    if (shown === null) return;
    const passed = (performance.now() - this.shownAt) / 1000;
    const conversation = this.conversation;
    const since = conversation?.since ?? null;
    const began = conversation?.began ?? null;
    let lasts = since === null ? "" : age(since + passed);
    if (since === null && began !== null) lasts = `began ${age(began + passed)} ago`;
    say(this.since, lasts);
    if (!this.chosen) this.inbox.drawAges(shown.inbox.entries, passed);
    const at = this.chosen ? (conversation?.age ?? null) : shown.inbox.age;
    let text = at === null ? "Reading…" : `updated ${age(at + passed)} ago`;
    if (at !== null && at + passed < 1) text = "updated just now";
    if (shown.stopped) text = "Not updating now. Refresh goes on.";
    if (shown.problem) text = "";
    say(this.updated, text);
    const key = shown.key.replace(/^the environment variable /, "");
    say(this.source, key ? `key from ${key}` : "");
  }

  /** Tell a screen reader what has become of each message; of the past, nothing. */
  announce() {
    const told = this.told;
    const presses = this.shown?.presses ?? [];
    this.told = new Map(presses.map((one) => [one.press, [one.stage, one.outcome, one.ending].join()]));
    if (told === null) return;
    const news = presses.filter(
      (one) => one.stage === "done" && told.get(one.press) !== this.told?.get(one.press),
    );
    if (news.length) say(this.status, news.map(endOf).join(" "));
  }
}

/** @param {Press} press */
function endOf(press) {
  const title = press.title ? `: ${press.title}` : "";
  return ENDINGS[press.ending] ?? `${STATES[press.outcome] ?? ""}${title}.`;
}

/**
 * Whether the focus is in an element, at something that can be seen.
 * @param {Element} root
 */
function hasFocus(root) {
  const { activeElement } = document;
  return root.contains(activeElement) && Boolean(activeElement?.getClientRects().length);
}

/** @param {InboxView} inbox */
function titleOf(inbox) {
  const { waiting, entries, hasMore, age: read } = inbox;
  if (read === null) return "Executions";
  const many = `${entries.length}${hasMore ? "+" : ""}`;
  if (!waiting) return `${many} active`;
  return `${waiting} of ${many} ${waiting === 1 ? "waits" : "wait"} for you`;
}

/** @param {{model: Model, el: HTMLElement}} context */
function render({ model, el }) {
  const chat = new Chat(model, el);
  return () => chat.close();
}

export default { render };
