// @ts-check
/**
 * The front end of the conversation panel: plain DOM, one file, no build step.
 *
 * Texts come from the kernel, which has made their invisible characters visible; here they are set
 * as text and never parsed. What the user types stays in this page until a press sends it.
 *
 * It sends ({type, ...}, all values are strings):
 *   hello    {view}                     a page shows the panel; asks for everything
 *   ping     {view, number, seen}       every five seconds; seen is "1" if the panel is in view
 *   open     {execution}                an execution's conversation; "" for the list
 *   send     {press, execution, text}   a press of Send; `press` is random, and counts once
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
 * @typedef {{send: (content: object) => unknown,
 *   on: (event: string, call: (...given: any[]) => void) => void,
 *   off: (event: string, call: (...given: any[]) => void) => void}} Model
 * @typedef {{key: string, kind: string, press: string, label: string, when: string, day: string,
 *   text: string, data: string, start: string, mark: string, extent: string,
 *   items: {mark: string, text: string, note: string}[]}} Entry
 * @typedef {{press: string, text: string, typed: string, stage: string, at: string,
 *   activity: string, outcome: string, title: string, why: string, hint: string, note: string,
 *   ending: string}} Press
 * @typedef {{header: string, question: string, several: boolean,
 *   options: {label: string, shown: string, note: string}[]}} Question
 * @typedef {{id: string, name: string, status: string, tone: string, waits: boolean, phase: string,
 *   isPaused: boolean, age: number | null, asks: string}} Listed
 * @typedef {{id: string, name: string, status: string, tone: string, waits: boolean, phase: string,
 *   isPaused: boolean, isKnown: boolean, isRead: boolean, isOver: boolean, isPurged: boolean,
 *   waitsFor: string, since: number | null, age: number | null, questions: Question[],
 *   doing: string, access: string, error: string, awaits: boolean, order: string[],
 *   entries: Entry[], hasOlder: boolean}} Conversation
 * @typedef {{entries: Listed[], waiting: number, hasMore: boolean, error: string,
 *   age: number | null}} Inbox
 * @typedef {{chosen: string, problem: string, key: string, note: string, stopped: boolean,
 *   inbox: Inbox, conversation: Conversation | null, presses: Press[]}} View
 * @typedef {{press: string, execution: string, text: string, at: number, isTaken: boolean,
 *   isReturned: boolean}} Own
 */

const PING_MS = 5000;
const SILENT_MS = 10000;
const SLOW_MS = 300;
const MINOR = new Set(["action", "thinking", "note", "todos"]);
const ANSWERS = { Approve: "Approved. Please go on.", Reject: "Rejected. Please do not do this." };
const STATES = {
  waiting: "Waiting for the kernel",
  queued: "Waiting for the message before",
  sending: "Sending",
  looking: "Looking for the message",
  delivered: "Delivered",
  not_delivered: "Not delivered",
  unknown: "May have been delivered",
};

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
 * @returns {HTMLElementTagNameMap[K]}
 */
function make(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
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

/** @param {number} seconds */
function age(seconds) {
  const passed = Math.max(0, Math.floor(seconds));
  if (passed < 59) return `${passed} s`;
  if (passed < 3600) return `${Math.max(1, Math.floor(passed / 60))} min`;
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
    if (parent.childNodes[at] !== node) parent.insertBefore(node, parent.childNodes[at] ?? null);
  });
}

/**
 * One view of a panel.
 */
class Chat {
  /**
   * @param {Model} model
   * @param {HTMLElement} el
   */
  constructor(model, el) {
    this.model = model;
    this.view = random();
    /** @type {View | null} */
    this.shown = null;
    this.shownAt = 0;
    this.chosen = "";
    /** @type {Map<string, Entry>} */
    this.entries = new Map();
    /** @type {Map<string, {node: HTMLElement, entry: Entry}>} */
    this.nodes = new Map();
    /** @type {Map<string, HTMLDetailsElement>} */
    this.groups = new Map();
    /** @type {Map<string, Own>} */
    this.own = new Map();
    /** @type {Map<string, {node: HTMLElement, drawn: string}>} */
    this.bubbles = new Map();
    /** @type {Map<string, string>} */
    this.drafts = new Map();
    this.put = "";
    /** @type {string[][]} */
    this.answers = [];
    this.asked = "";
    this.asks = false;
    this.number = 0;
    this.heardAt = performance.now();
    this.askedAt = 0;
    this.isSilent = false;
    this.isInView = true;
    this.isWelcome = false;
    this.isPending = false;
    this.build(el);
    /** @type {(content: any) => void} */
    this.take = (content) => this.receive(content);
    model.on("msg:custom", this.take);
    this.watcher = new IntersectionObserver((seen) => {
      this.isInView = seen[seen.length - 1].isIntersecting;
      this.ping();
    });
    this.watcher.observe(this.root);
    this.onVisible = () => this.ping();
    document.addEventListener("visibilitychange", this.onVisible);
    this.pinging = setInterval(() => this.ping(), PING_MS);
    this.ticking = setInterval(() => this.tick(), 1000);
    this.tell({ type: "hello" });
  }

  close() {
    this.model.off("msg:custom", this.take);
    this.watcher.disconnect();
    document.removeEventListener("visibilitychange", this.onVisible);
    clearInterval(this.pinging);
    clearInterval(this.ticking);
  }

  // The frame

  /** @param {HTMLElement} el */
  build(el) {
    const root = (this.root = make("section", "ac-chat"));
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", "Asteroid chat");
    this.bar = make("div", "ac-bar");
    this.back = button("", () => this.open(""), "ac-plain ac-back");
    this.title = make("div", "ac-title");
    this.name = make("span", "ac-name", "Asteroid");
    this.name.dir = "auto";
    this.pill = make("span", "ac-pill");
    this.since = make("span", "ac-age");
    this.title.append(this.name, this.pill, this.since);
    this.bar.append(this.back, this.title, this.buildMenu());
    this.banner = make("div", "ac-banner");
    this.banner.hidden = true;
    this.list = make("ul", "ac-list");
    this.list.setAttribute("role", "list");
    this.list.setAttribute("aria-label", "Executions");
    this.log = make("div", "ac-log");
    this.log.setAttribute("role", "log");
    this.log.setAttribute("aria-label", "Conversation");
    this.log.tabIndex = 0;
    this.doing = make("div", "ac-doing");
    this.doingText = make("span", "ac-doing-text");
    this.stop = button("Stop waiting", () => this.tell({ type: "stop" }), "ac-small");
    this.doing.append(this.doingText, this.stop);
    this.question = make("div", "ac-questions");
    this.composer = this.buildComposer();
    this.foot = make("div", "ac-foot");
    this.updated = make("span", "ac-updated", "Waiting for the kernel…");
    this.refresh = button("Refresh", () => this.tell({ type: "refresh" }), "ac-small");
    this.source = make("span", "ac-source");
    this.foot.append(this.updated, this.refresh, this.source);
    this.status = make("div", "ac-status");
    this.status.setAttribute("role", "status");
    root.append(
      this.bar,
      this.banner,
      this.list,
      this.log,
      this.doing,
      this.question,
      this.composer,
      this.foot,
      this.status,
    );
    for (const part of [this.back, this.log, this.doing, this.composer, this.menuBox]) {
      show(part, false);
    }
    el.append(root);
  }

  buildComposer() {
    const composer = make("div", "ac-composer");
    const box = (this.box = make("textarea", "ac-box"));
    box.rows = 2;
    box.placeholder = "Message…";
    box.setAttribute("aria-label", "Message");
    box.addEventListener("input", () => {
      this.keepDraft();
      this.touch();
    });
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.press();
      }
    });
    this.sendButton = button("Send", () => this.press(), "ac-send");
    const side = make("div", "ac-side");
    side.append(this.sendButton, make("span", "ac-keys", "Ctrl/⌘+Enter"));
    composer.append(box, side);
    return composer;
  }

  buildMenu() {
    const box = (this.menuBox = make("div", "ac-menu-box"));
    const more = (this.more = button("⋯", () => this.openMenu(this.menu.hidden), "ac-plain"));
    more.setAttribute("aria-label", "More");
    more.setAttribute("aria-haspopup", "menu");
    more.setAttribute("aria-expanded", "false");
    const menu = (this.menu = make("div", "ac-menu"));
    menu.setAttribute("role", "menu");
    menu.hidden = true;
    this.pauseItem = this.menuItem("Pause", () => this.control("pause"));
    this.resumeItem = this.menuItem("Resume", () => this.control("resume"));
    this.cancelItem = this.menuItem("Cancel execution", () => this.confirmCancel());
    menu.append(this.pauseItem, this.resumeItem, this.cancelItem);
    this.sure = make("div", "ac-sure");
    this.sure.setAttribute("role", "group");
    this.sure.setAttribute("aria-label", "Cancel this execution?");
    this.sure.append(
      make("span", "", "Cancel this execution?"),
      button("Yes, cancel it", () => {
        this.control("cancel");
        show(this.sure, false);
        this.more.focus();
      }),
      button("Keep it running", () => {
        show(this.sure, false);
        this.more.focus();
      }),
    );
    this.sure.hidden = true;
    box.append(more, menu, this.sure);
    box.addEventListener("keydown", (event) => this.onMenuKey(event));
    box.addEventListener("focusout", (event) => {
      const next = event.relatedTarget;
      if (!(next instanceof Node && box.contains(next))) this.openMenu(false, false);
    });
    return box;
  }

  /**
   * @param {string} text
   * @param {() => void} press
   */
  menuItem(text, press) {
    const item = button(text, () => {
      this.openMenu(false);
      press();
    });
    item.setAttribute("role", "menuitem");
    item.tabIndex = -1;
    return item;
  }

  /** @returns {HTMLButtonElement[]} */
  menuItems() {
    return [this.pauseItem, this.resumeItem, this.cancelItem].filter((one) => !one.hidden);
  }

  /**
   * @param {boolean} isOpen
   * @param {boolean} [takesFocus]
   */
  openMenu(isOpen, takesFocus = true) {
    if (this.menu.hidden !== isOpen) return;
    show(this.menu, isOpen);
    this.more.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.menuItems()[0]?.focus();
    else if (takesFocus) this.more.focus();
  }

  /** @param {KeyboardEvent} event */
  onMenuKey(event) {
    if (event.key === "Escape" && !(this.menu.hidden && this.sure.hidden)) {
      event.preventDefault();
      event.stopPropagation();
      show(this.sure, false);
      this.openMenu(false);
      this.more.focus();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || this.menu.hidden) return;
    event.preventDefault();
    const items = this.menuItems();
    const at = items.findIndex((one) => one === document.activeElement);
    items[(at + step + items.length) % items.length]?.focus();
  }

  confirmCancel() {
    show(this.sure, true);
    this.sure.querySelectorAll("button")[1]?.focus();
  }

  /** @param {string} action */
  control(action) {
    if (this.chosen) this.tell({ type: "control", action, execution: this.chosen });
  }

  // Words to and from the kernel

  /**
   * @param {Record<string, string>} content
   * @returns {boolean} whether it could be handed over
   */
  tell(content) {
    try {
      this.model.send({ view: this.view, ...content });
      return true;
    } catch {
      // After a restart of the kernel, there is nobody to tell.
      return false;
    }
  }

  touch() {
    const now = performance.now();
    if (now - this.askedAt > 2000) {
      this.askedAt = now;
      this.tell({ type: "touch" });
    }
  }

  ping() {
    const isSeen = this.isInView && document.visibilityState === "visible";
    if (!isSeen) {
      this.isPending = false;
      return;
    }
    if (!this.isPending) {
      this.isPending = true;
      this.heardAt = performance.now();
    }
    this.number += 1;
    this.tell({ type: "ping", number: String(this.number), seen: "1" });
    if (!this.isWelcome) this.tell({ type: "hello" });
  }

  /** @param {any} content */
  receive(content) {
    if (content === null || typeof content !== "object") return;
    this.heardAt = performance.now();
    this.isPending = content.type !== "pong" && this.isPending;
    this.setSilent(false);
    if (content.type === "welcome") this.isWelcome = true;
    if (content.type === "ack") this.onAck(String(content.press));
    if (content.type === "view") this.draw(content);
  }

  /** @param {boolean} isSilent */
  setSilent(isSilent) {
    if (this.isSilent === isSilent) return;
    this.isSilent = isSilent;
    this.drawBanner();
  }

  tick() {
    const waited = performance.now() - this.heardAt;
    if (this.isPending && waited > SILENT_MS) this.setSilent(true);
    this.drawAges();
    this.drawBubbles();
  }

  // Drawing

  /** @param {View} shown */
  draw(shown) {
    if (shown.chosen !== this.chosen) this.change(shown.chosen);
    this.shown = shown;
    this.shownAt = performance.now();
    const conversation = shown.conversation;
    if (conversation !== null) {
      for (const entry of conversation.entries) this.entries.set(entry.key, entry);
      const known = new Set(conversation.order);
      for (const key of Array.from(this.entries.keys())) {
        if (!known.has(key)) this.entries.delete(key);
      }
    }
    this.drawBanner();
    this.drawBar();
    show(this.list, !this.chosen);
    show(this.log, Boolean(this.chosen));
    show(this.composer, Boolean(this.chosen));
    if (!this.chosen) this.drawList(shown.inbox);
    const isAtEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
    if (this.chosen) this.drawLog();
    this.drawDoing();
    this.drawQuestion();
    this.drawAges();
    if (isAtEnd) this.log.scrollTop = this.log.scrollHeight;
    this.announce();
  }

  /** @param {string} chosen */
  change(chosen) {
    this.chosen = chosen;
    this.entries.clear();
    this.nodes.clear();
    this.groups.clear();
    this.bubbles.clear();
    this.log.replaceChildren();
    this.box.value = this.drafts.get(chosen) ?? "";
    this.grow();
    this.put = "";
    this.asked = "";
    show(this.sure, false);
  }

  /** @param {string} execution */
  open(execution) {
    this.keepDraft();
    this.tell({ type: "open", execution });
  }

  keepDraft() {
    if (this.chosen) this.drafts.set(this.chosen, this.box.value);
    this.grow();
  }

  grow() {
    const lines = this.box.value.split("\n").length;
    this.box.rows = Math.min(12, Math.max(2, lines));
  }

  drawBar() {
    const shown = this.shown;
    if (shown === null) return;
    const conversation = shown.conversation;
    const others = shown.inbox.entries.filter((one) => one.waits && one.id !== this.chosen).length;
    show(this.back, Boolean(this.chosen));
    say(this.back, others ? `‹ All executions · ${others} waiting` : "‹ All executions");
    if (!this.chosen) {
      const { waiting, entries } = shown.inbox;
      const many = `${entries.length}${shown.inbox.hasMore ? "+" : ""}`;
      say(this.name, waiting ? `${waiting} of ${many} wait for you` : `${many} active`);
      if (waiting === 1) say(this.name, `1 of ${many} waits for you`);
      if (shown.inbox.age === null) say(this.name, "Executions");
    } else {
      say(this.name, conversation?.name ?? "…");
    }
    say(this.pill, (this.chosen && conversation?.isKnown && conversation.status) || "");
    show(this.pill, Boolean(this.pill.textContent));
    this.pill.className = `ac-pill ac-${conversation?.tone ?? ""}`;
    show(this.menuBox, Boolean(this.chosen && conversation?.isKnown && !conversation.isOver));
    show(this.pauseItem, !conversation?.isPaused);
    show(this.resumeItem, Boolean(conversation?.isPaused));
  }

  drawBanner() {
    const shown = this.shown;
    const conversation = shown?.conversation;
    let words = "";
    if (this.isSilent) {
      words = "The kernel is not answering; your text is kept here. It may be busy, or restarted.";
    } else if (shown?.problem) words = shown.problem;
    else if (conversation?.error) {
      words = conversation.isRead
        ? `Reading failed: ${conversation.error}. What you see may be old.`
        : `${conversation.error}.`;
    } else if (!this.chosen && shown?.inbox.error) {
      words = `The list could not be read: ${shown.inbox.error}.`;
    } else if (shown?.note) words = shown.note;
    say(this.banner, words);
    show(this.banner, Boolean(words));
    this.root.classList.toggle("ac-is-silent", this.isSilent);
    this.drawSend();
  }

  drawSend() {
    const text = this.box.value.trim();
    this.sendButton.setAttribute("aria-disabled", String(!text || this.isSilent));
  }

  /** @param {Inbox} inbox */
  drawList(inbox) {
    const rows = inbox.entries.map((one) => {
      const known = this.nodes.get(one.id);
      const drawn = JSON.stringify({ ...one, age: null });
      if (known && known.node.dataset.drawn === drawn) return known.node;
      const row = make("li", "ac-row");
      const press = button("", () => this.open(one.id), "ac-plain ac-execution");
      const name = make("span", "ac-name", one.name);
      name.dir = "auto";
      const when = make("span", "ac-age");
      press.append(name, make("span", `ac-pill ac-${one.tone}`, one.status), when);
      if (one.asks) {
        const asks = make("span", "ac-asks", one.asks);
        asks.dir = "auto";
        press.append(asks);
      }
      row.append(press);
      row.dataset.drawn = drawn;
      const had = known?.node.contains(document.activeElement);
      this.nodes.set(one.id, { node: row, entry: /** @type {any} */ (null) });
      if (had) queueMicrotask(() => press.focus());
      return row;
    });
    if (!rows.length) {
      const words = inbox.age === null ? "Reading the list…" : "No execution is active now.";
      rows.push(make("li", "ac-empty", words));
    }
    arrange(this.list, rows);
  }

  drawLog() {
    const conversation = this.shown?.conversation;
    if (!conversation) return;
    /** @type {Node[]} */
    const rows = [];
    /** @type {HTMLElement[]} */
    let minor = [];
    let first = "";
    let day = "";
    const flush = () => {
      if (minor.length > 2) rows.push(this.group(first, minor));
      else rows.push(...minor);
      minor = [];
    };
    if (conversation.hasOlder) {
      rows.push(this.fixed("older", "ac-day", "Older entries: %asteroid_activities --all"));
    }
    for (const key of conversation.order) {
      const entry = this.entries.get(key);
      if (!entry) continue;
      if (entry.day && entry.day !== day) {
        flush();
        day = entry.day;
        rows.push(this.fixed(`day ${day}`, "ac-day", day));
      }
      const node = this.entry(entry);
      if (!MINOR.has(entry.kind)) {
        flush();
        rows.push(node);
      } else {
        if (!minor.length) first = key;
        minor.push(node);
      }
    }
    flush();
    if (!conversation.order.length) {
      let words = conversation.isRead ? "Nothing has happened yet." : "Reading…";
      if (conversation.isPurged) words = "Asteroid has deleted the activities of this execution.";
      if (conversation.access !== "readable" && conversation.error) words = "";
      if (words) rows.push(this.fixed("none", "ac-day", words));
    }
    this.tail = rows;
    this.drawBubbles();
  }

  /**
   * @param {string} key
   * @param {string} className
   * @param {string} text
   */
  fixed(key, className, text) {
    const known = this.nodes.get(key);
    if (known) {
      say(known.node, text);
      return known.node;
    }
    const node = make("div", className, text);
    this.nodes.set(key, { node, entry: /** @type {any} */ (null) });
    return node;
  }

  /**
   * @param {string} key
   * @param {HTMLElement[]} nodes
   */
  group(key, nodes) {
    let group = this.groups.get(key);
    if (!group) {
      group = make("details", "ac-group");
      group.append(make("summary"), make("div"));
      this.groups.set(key, group);
    }
    say(group.children[0], `${nodes.length} steps`);
    arrange(group.children[1], nodes);
    return group;
  }

  /** @param {Entry} entry */
  entry(entry) {
    const known = this.nodes.get(entry.key);
    if (known?.entry === entry) return known.node;
    const node = make("div", `ac-entry ac-is-${entry.kind}`);
    const what = make("div", "ac-what");
    if (entry.when) node.append(make("span", "ac-when", entry.when.slice(0, 5)));
    if (entry.when) node.title = `${entry.day} ${entry.when}`;
    node.append(what);
    if (entry.kind === "thinking") {
      const details = make("details");
      const summary = make("summary", "", `${entry.label} `);
      summary.append(make("span", "ac-start", entry.start));
      details.append(summary, this.words(entry.text));
      what.append(details);
    } else if (entry.kind === "action") {
      const mark = make("span", "ac-mark", entry.mark);
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", entry.label);
      what.append(mark, ` ${entry.text} `, make("span", "ac-extent", entry.extent));
    } else if (entry.kind === "note") {
      what.append(make("span", "ac-extent", `${entry.label}: `), entry.text);
    } else {
      const label = make("div", "ac-label", entry.label);
      if (entry.extent) label.append(" ", make("span", "ac-extent", entry.extent));
      if (entry.kind !== "own") what.append(label);
      what.append(this.words(entry.text));
      if (entry.data) what.append(make("pre", "ac-data", entry.data));
      for (const item of entry.items) {
        const line = make("div", "ac-item", `${item.mark} ${item.text} `);
        if (item.note) line.append(make("span", "ac-extent", item.note));
        what.append(line);
      }
      if (entry.kind === "own") what.append(this.state(`✓ ${entry.when.slice(0, 5)}`, `Delivered at ${entry.when}`));
    }
    this.nodes.set(entry.key, { node, entry });
    return node;
  }

  /** @param {string} text */
  words(text) {
    const words = make("div", "ac-words", text);
    words.dir = "auto";
    return words;
  }

  /**
   * @param {string} text
   * @param {string} name
   */
  state(text, name) {
    const state = make("span", "ac-state", text);
    state.setAttribute("role", "img");
    state.setAttribute("aria-label", name);
    return state;
  }

  // Bubbles: what was pressed and is not in the conversation yet

  drawBubbles() {
    if (!this.chosen) return;
    const isAtEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
    const presses = this.shown?.presses ?? [];
    const known = new Map(presses.map((one) => [one.press, one]));
    /** @type {Node[]} */
    const rows = [...(this.tail ?? [])];
    for (const press of presses) {
      if (!press.activity) rows.push(this.bubble(press.press, press));
      if (press.outcome === "not_delivered") this.giveBack(press);
    }
    for (const own of this.own.values()) {
      if (own.execution === this.chosen && !known.has(own.press)) {
        rows.push(this.bubble(own.press, null));
      }
    }
    arrange(this.log, rows);
    if (isAtEnd) this.log.scrollTop = this.log.scrollHeight;
  }

  /**
   * @param {string} id
   * @param {Press | null} press
   */
  bubble(id, press) {
    const own = this.own.get(id);
    const waited = own ? performance.now() - own.at : 0;
    let state = press ? press.stage : "sending";
    if (press?.stage === "done") state = press.outcome;
    else if (!press && own && !own.isTaken && waited > SLOW_MS) state = "waiting";
    const drawn = JSON.stringify([state, press, own?.isReturned, !press && waited > SILENT_MS]);
    const before = this.bubbles.get(id);
    if (before?.drawn === drawn) return before.node;
    const node = before?.node ?? make("div");
    node.className = `ac-entry ac-is-own ac-${state}`;
    const what = make("div", "ac-what");
    what.append(this.words(press?.text ?? own?.text ?? ""));
    const line = make("div", "ac-line");
    if (state === "delivered") {
      line.append(this.state(`✓ ${press?.at.slice(0, 5)}`, `Delivered at ${press?.at}`));
    } else {
      const mark = { not_delivered: "✗ ", unknown: "? " }[state] ?? "";
      const words = STATES[/** @type {keyof typeof STATES} */ (state)] ?? state;
      line.append(make("span", "ac-state", `${mark}${words}${press?.title ? `: ${press.title}` : ""}`));
    }
    what.append(line);
    for (const words of [press?.why, press?.note, press?.outcome === "delivered" ? "" : press?.hint]) {
      if (words) what.append(make("div", "ac-why", words));
    }
    if (!press && waited > SILENT_MS) {
      what.append(make("div", "ac-why", "The kernel has not answered: it may not have been sent."));
    }
    const buttons = make("div", "ac-buttons");
    if (state === "sending" || state === "queued" || state === "waiting") {
      buttons.append(button("Cancel", () => this.tell({ type: "cancel", press: id }), "ac-small"));
    }
    if (state === "unknown") {
      buttons.append(button("Look again", () => this.tell({ type: "look", press: id }), "ac-small"));
    }
    const canEdit = (state === "not_delivered" && !own?.isReturned) || (state === "unknown" && press?.note);
    if (canEdit) buttons.append(button("Edit and resend", () => this.edit(id, press), "ac-small"));
    if (buttons.childElementCount) what.append(buttons);
    node.replaceChildren(what);
    this.bubbles.set(id, { node, drawn });
    return node;
  }

  /**
   * Put the text of a message that failed back, if that overwrites nothing.
   * @param {Press} press
   */
  giveBack(press) {
    const own = this.own.get(press.press);
    if (!own || own.isReturned || this.box.value) return;
    own.isReturned = true;
    this.write(own.text);
  }

  /**
   * @param {string} id
   * @param {Press | null} press
   */
  edit(id, press) {
    const text = this.own.get(id)?.text ?? press?.typed ?? "";
    const typed = this.box.value;
    this.write(typed ? `${text}\n${typed}` : text);
    this.box.focus();
  }

  /** @param {string} text */
  write(text) {
    this.box.value = text;
    this.keepDraft();
    this.drawSend();
  }

  press() {
    const text = this.box.value;
    this.box.focus();
    if (!text.trim()) {
      say(this.status, "Write a message first.");
      return;
    }
    if (this.isSilent || !this.isWelcome) {
      say(this.status, "Not sent: the kernel is not answering. Your text is kept.");
      return;
    }
    const press = random();
    const execution = this.chosen;
    if (!this.tell({ type: "send", press, execution, text })) {
      this.setSilent(true);
      return;
    }
    const at = performance.now();
    this.own.set(press, { press, execution, text, at, isTaken: false, isReturned: false });
    this.write("");
    this.put = "";
    say(this.status, "Sending.");
    this.drawBubbles();
    this.log.scrollTop = this.log.scrollHeight;
    setTimeout(() => this.drawBubbles(), SLOW_MS + 20);
  }

  /** @param {string} press */
  onAck(press) {
    const own = this.own.get(press);
    if (own) own.isTaken = true;
    this.drawBubbles();
  }

  // What the agent does and asks

  drawDoing() {
    const conversation = this.shown?.conversation;
    let words = "";
    if (conversation?.awaits) {
      words = "Waiting for the agent";
      if (conversation.doing && !conversation.waitsFor) words = `${words}: ${conversation.doing}`;
    } else if (conversation?.doing && conversation.phase === "active" && !conversation.waitsFor) {
      words = `Now: ${conversation.doing}`;
    }
    say(this.doingText, words);
    this.doing.classList.toggle("ac-awaits", Boolean(conversation?.awaits));
    show(this.stop, Boolean(conversation?.awaits));
    show(this.doing, Boolean(this.chosen && words));
  }

  drawQuestion() {
    const conversation = this.chosen ? this.shown?.conversation : null;
    const questions = conversation?.questions ?? [];
    const asked = JSON.stringify([this.chosen, conversation?.waitsFor, questions]);
    if (asked === this.asked) return;
    this.asked = asked;
    this.put = "";
    this.answers = questions.map(() => []);
    const isConfirmation = conversation?.waitsFor === "confirm";
    const groups = questions.map((one, at) => {
      const group = make("div", "ac-question");
      group.setAttribute("role", "group");
      const words = this.words(one.question);
      words.id = `ac-${this.view}-${at}`;
      group.setAttribute("aria-labelledby", words.id);
      if (one.header) group.append(make("div", "ac-label", one.header));
      group.append(words);
      if (isConfirmation && !one.options.length) group.append(this.confirmation(at));
      else if (one.several) group.append(...one.options.map((option) => this.checkbox(at, option)));
      else if (one.options.length) {
        const row = make("div", "ac-options");
        row.append(...one.options.map((option) => this.option(at, option)));
        group.append(row);
      }
      return group;
    });
    this.question.replaceChildren(...groups);
    show(this.question, groups.length > 0);
  }

  /**
   * @param {number} at
   * @param {{label: string, shown: string, note: string}} option
   */
  option(at, option) {
    const made = button(option.shown, () => this.choose(at, [option.label], made), "ac-option");
    if (option.note) made.title = option.note;
    made.setAttribute("aria-pressed", "false");
    return made;
  }

  /**
   * @param {number} at
   * @param {{label: string, shown: string, note: string}} option
   */
  checkbox(at, option) {
    const label = make("label", "ac-check");
    const box = make("input");
    box.type = "checkbox";
    box.addEventListener("change", () => {
      const others = this.answers[at].filter((one) => one !== option.label);
      this.choose(at, box.checked ? [...others, option.label] : others);
    });
    label.append(box, make("span", "", option.shown));
    if (option.note) label.append(make("span", "ac-extent", ` ${option.note}`));
    return label;
  }

  /** @param {number} at */
  confirmation(at) {
    const row = make("div", "ac-options");
    for (const [name, words] of Object.entries(ANSWERS)) {
      const made = button(name, () => this.choose(at, [words], made), "ac-option");
      made.setAttribute("aria-pressed", "false");
      row.append(made);
    }
    row.append(make("span", "ac-extent", "This writes a message, which you can edit and send."));
    return row;
  }

  /**
   * Put the chosen answers into the message, in place of those before.
   * @param {number} at
   * @param {string[]} labels
   * @param {HTMLButtonElement} [pressed]
   */
  choose(at, labels, pressed) {
    this.answers[at] = labels;
    if (pressed) {
      for (const one of pressed.parentElement?.querySelectorAll("button") ?? []) {
        one.setAttribute("aria-pressed", String(one === pressed));
      }
    }
    const questions = this.shown?.conversation?.questions ?? [];
    let lines = this.answers.map((one) => one.join(", "));
    if (lines.length > 1) {
      lines = lines.map((one, number) => {
        const asked = questions[number];
        return one && `${asked?.header || asked?.question}: ${one}`;
      });
    }
    const before = this.put;
    this.put = lines.filter(Boolean).join("\n");
    const typed = this.box.value;
    if (!typed || typed === before) this.write(this.put);
    else if (this.put) this.write(typed.endsWith("\n") ? typed + this.put : `${typed}\n${this.put}`);
    this.touch();
    if (pressed) this.box.focus();
  }

  // Ages, and what a screen reader hears

  drawAges() {
    const shown = this.shown;
    if (shown === null) return;
    const passed = (performance.now() - this.shownAt) / 1000;
    const conversation = this.chosen ? shown.conversation : null;
    const since = conversation?.since ?? null;
    say(this.since, since === null ? "" : age(since + passed));
    if (!this.chosen) {
      for (const one of shown.inbox.entries) {
        const node = this.nodes.get(one.id)?.node.querySelector(".ac-age");
        if (node) say(node, one.age === null ? "" : age(one.age + passed));
      }
    }
    const at = this.chosen ? (conversation?.age ?? null) : shown.inbox.age;
    let words = at === null ? "Reading…" : `updated ${age(at + passed)} ago`;
    if (shown.stopped) words = "Not updating now. Refresh goes on.";
    if (shown.problem) words = "";
    say(this.updated, words);
    say(this.source, shown.key ? `key from ${shown.key.replace(/^the environment variable /, "")}` : "");
    this.drawSend();
  }

  announce() {
    const shown = this.shown;
    const conversation = shown?.conversation;
    const last = shown?.presses[shown.presses.length - 1];
    const mark = JSON.stringify([
      last?.press, last?.stage, last?.outcome, last?.ending, conversation?.waitsFor,
      conversation?.id, conversation?.isOver,
    ]);
    if (mark === this.spoken) return;
    const before = this.spoken;
    this.spoken = mark;
    if (before === undefined || !last || last.stage !== "done") return;
    const ended = { spoke: "The agent has spoken.", asks: "The agent asks you something.",
      confirm: "The agent waits for your confirmation.", over: "The execution is over.",
      time: "No answer so far." }[last.ending];
    const words = STATES[/** @type {keyof typeof STATES} */ (last.outcome)] ?? "";
    say(this.status, ended ?? `${words}${last.title ? `: ${last.title}` : "."}`);
  }
}

/** @param {{model: Model, el: HTMLElement}} context */
function render({ model, el }) {
  const chat = new Chat(model, el);
  return () => chat.close();
}

export default { render };
