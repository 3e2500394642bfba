/* What of the plugin has to run in the FiftyOne App's page itself: the keys of the review, those that show and hide
masks, and steps that have to wait for the page. It needs no build: the App loads it as it is, and lends its operators as `window.__foo__`.

The review of suspects by keyboard: y confirms, n rejects, o says another class, u undoes. FiftyOne gives Python
operators no keys of their own, so this script listens for them and runs `review_suspects`, which knows what is chosen.
Where a suspect is open, a line below the image names the keys and how far the review is. */
(function () {
  "use strict";

  const { Operator, OperatorConfig, executeOperator, registerOperator, usePanelEvent } = window.__foo__;
  const PLUGIN = "@label-quality/segmentation";
  const PANEL = "label_quality_panel";
  const IMAGE_PANEL = "image_quality_panel";
  /** What FiftyOne calls the panels of an open sample */
  const MODAL_PANELS = "fiftyone-modal-spaces";
  /** In this browser: whether the pictures of a suspect lie below it, or stay where a person has put them */
  const PICTURES = "label-quality-pictures";
  const BELOW = "below";
  const KEPT = "kept";
  const DECISIONS = { y: "confirm", n: "reject", o: "change", u: "undo" };
  const VERDICTS = { confirm: "confirmed", change: "confirmed", reject: "rejected" };
  const NAMES = { confirm: "Confirm", reject: "Reject", change: "Other class", undo: "Undo" };
  /** What a digit shows and hides in an open sample; FiftyOne gives its own image no digits */
  const LAYERS = { 1: "given", 2: "prediction", 3: "heatmap", 4: "suspects" };
  const LAYER_NAMES = { given: "Mask", prediction: "Prediction", heatmap: "Heatmap", suspects: "Suspects" };
  const LISTED_CLASSES = 8;
  const WATCH_MS = 200;
  const DONE_MS = 10000;
  const LEAVE_MS = 2000;
  const VIEW_MS = 50;
  /** How a run's group in the sidebar is called */
  const GROUP = /^label quality \((\w+)\)$/i;

  /** Verdicts given since the page was opened, the latest last: {ids, key, place} */
  const history = [];
  let state = null; // What `review_state` said of the sample that is open
  let place = null; // The sample that is open, null where none is
  let waitingSince = 0;
  let asked = 0; // When the line of the sample that is open was asked for, 0 once it is there
  let early = null; // The key that came before that
  let choosing = false; // Whether the right class is asked for in place of the line
  let field = null; // Where it is typed then
  let left = null; // The sample that a verdict is on its way from: {place, since}
  let leaving = null; // The first tile of the grid's view that another one is to follow
  let counted = ""; // What the grid counts: samples, patches, groups
  let numbered = ""; // The dataset and what the grid counts, when the numbers on tiles were given their colour
  let following = null; // What is to tell the panel of the view that changes
  let changed = false; // Whether the grid behind the open sample shows what is no longer there

  const modal = () => document.querySelector("[data-cy=modal]");
  const openSample = () => modal() && (new URLSearchParams(location.search).get("id") || "sample");
  const busy = () => Date.now() - waitingSince < DONE_MS;
  /** Whether the next sample was asked for and is not there: a key would be on the one before, and pass over the next */
  const moving = () => left && left.place === place && Date.now() - left.since < LEAVE_MS;

  function press(key) {
    document.dispatchEvent(new KeyboardEvent("keydown", { key, code: key, bubbles: true }));
  }

  function decide(decision, correctedTo) {
    if (busy()) return;
    const params = { decision, by_key: true, corrected_to: correctedTo };
    // Of patches, what the line names
    if (place && state && state.region === place) Object.assign(params, { region_ids: [place], key: state.key });
    if (decision === "undo") {
      const found = history.findLastIndex((one) => one.place === place);
      const last = history.splice(found < 0 ? -1 : found, 1)[0];
      if (last) Object.assign(params, { region_ids: last.ids, key: last.key, place: last.place });
    }
    else if (place && state && state.region) params.seen = { region: state.region, verdict: state.verdict };
    waitingSince = Date.now();
    const callback = (done) => {
      waitingSince = 0;
      // Somebody else was faster: show what they have decided
      if (done && done.result && done.result.overtaken) refresh();
    };
    executeOperator(`${PLUGIN}/review_suspects`, params, { callback });
  }

  /** What Python has the App do after a verdict: on to the next region, or back to the one that was undone. */
  class ShowReview extends Operator {
    get config() {
      return new OperatorConfig({ name: "show_review", label: "Show the review's progress", unlisted: true });
    }

    async execute({ params, state: app }) {
      waitingSince = 0;
      changed = changed || params.patches;
      if (state && params.region_ids.includes(state.region)) state.verdict = VERDICTS[params.decision] || null;
      if (params.decision !== "undo") history.push({ ids: params.region_ids, key: params.key, place });
      if (place && !params.patches) hide(app, params);
      const undone = params.decision === "undo";
      const onward = undone ? params.place && params.place !== place && "ArrowLeft" : "ArrowRight";
      if (place && params.patches && onward) {
        left = { place, since: Date.now() };
        press(onward);
      }
      // Not at once: behind the last region there is none to move on to
      const before = place;
      const leave = left;
      setTimeout(() => {
        if (place !== before || left !== leave) return;
        refresh();
        executeOperator(`${PLUGIN}/refresh_panel`, { panel: IMAGE_PANEL });
      }, 2 * WATCH_MS);
    }
  }

  /** An open image keeps drawing regions that are gone from its sample: the App cannot reload those with masks. */
  function hide(app, { decision, region_ids: ids, key }) {
    app.set(window.__fos__.hiddenLabels, (before) => {
      const hidden = { ...before };
      for (const id of ids) {
        if (decision === "reject") hidden[id] = { field: `${key}_suspects`, sampleId: place };
        else delete hidden[id];
      }
      return hidden;
    });
  }

  /** Draws the line of the open sample anew; tells of its neighbours in the view, where they are wanted. */
  function refresh(tell) {
    const open = place;
    if (!open) return;
    const callback = ({ result }) => {
      if (place !== open) return;
      if (tell && result && result.neighbours) tell(result.neighbours);
      asked = 0;
      draw(result);
      if (early && state) start(early);
      early = null;
    };
    executeOperator(`${PLUGIN}/review_state`, tell ? { around: open } : {}, { callback });
  }

  /** The way from the open sample to those before and after it, of which Python tells a stretch at a time. */
  function wayThrough(near) {
    const ask = (around) =>
      new Promise((done) => {
        const callback = ({ result }) => done((result && result.neighbours) || near);
        executeOperator(`${PLUGIN}/review_state`, { around }, { callback });
      });
    const go = async (offset) => {
      const open = openSample();
      const at = () => near.ids.indexOf(open) + offset;
      const beyond = (at() < 0 && near.before) || (at() >= near.ids.length && near.after);
      if (beyond || !near.ids.includes(open)) near = await ask(open);
      const there = Math.max(0, Math.min(near.ids.length - 1, at()));
      return { id: near.ids[there], ...ends(near, near.ids[there]) };
    };
    return { next: (offset = 1) => go(offset), previous: (offset = 1) => go(-offset), peek: async () => null };
  }

  /** What the App has to know of a sample to draw arrows, and to follow their keys. */
  function ends({ ids, before, after }, id) {
    const at = ids.indexOf(id);
    return { hasNext: at < ids.length - 1 || after, hasPrevious: at > 0 || before };
  }

  /** Draws the line of a sample that was just opened, and has arrows and their keys lead on from it.

  FiftyOne's do so where the grid has opened it. From a sample that a panel has opened, or that was open when the page
  was loaded, they lead nowhere, or to the neighbours of the one that the grid has opened last. */
  class MeetSample extends Operator {
    get config() {
      return new OperatorConfig({ name: "meet_sample", label: "Meet a sample that was opened", unlisted: true });
    }

    async execute({ state: app }) {
      const { modalNavigation, modalSelector } = window.__fos__;
      const open = await app.snapshot.getPromise(modalSelector);
      if (!open || open.hasNext !== undefined) return refresh();
      refresh((near) => {
        modalNavigation.set(wayThrough(near));
        app.set(modalSelector, { ...open, ...ends(near, open.id) });
      });
    }
  }

  /** Has the pictures lie where they belong in what is open, unless a person has put them elsewhere. */
  function placePictures() {
    const below = Boolean(state && state.patch);
    const now = localStorage.getItem(PICTURES);
    if (modal() && now !== KEPT && below !== (now === BELOW)) executeOperator(`${PLUGIN}/place_pictures`, { below });
  }

  /** Puts the pictures of a suspect below it, and back to a tab behind the image where whole images are open.

  A tab is what FiftyOne makes of their panel. It keeps for all datasets how its user arranges an open sample; whoever
  has done that, or has closed the panel, finds it so ever after. */
  class PlacePictures extends Operator {
    get config() {
      return new OperatorConfig({ name: "place_pictures", label: "Show a suspect's pictures", unlisted: true });
    }

    useHooks() {
      return window.__fosp__.useSpaces(MODAL_PANELS);
    }

    async execute({ params: { below }, hooks: { spaces, updateSpaces } }) {
      const { root } = spaces;
      // FiftyOne makes the tabs a moment after the sample is open
      if (!root.children.length) return void setTimeout(placePictures, WATCH_MS);
      const last = root.children[root.children.length - 1];
      const isPictures = (panel) => panel.type === IMAGE_PANEL;
      const lieBelow = root.layout === "vertical" && root.children.length === 2 && last.children.every(isPictures);
      const tab = !root.layout && root.children.length > 1 && root.children.find(isPictures);
      if (below && tab) {
        localStorage.setItem(PICTURES, BELOW);
        spaces.splitLayout(root, "vertical", tab);
      } else if (!below && lieBelow) {
        localStorage.removeItem(PICTURES);
        const [images, pictures] = root.children.map((panels) => panels.toJSON());
        updateSpaces({ ...images, id: root.id, children: [...images.children, ...pictures.children] });
      } else localStorage.setItem(PICTURES, KEPT);
    }
  }

  function element(tag, text, className) {
    const made = document.createElement(tag);
    made.className = className || "";
    made.textContent = text || "";
    return made;
  }

  function bar() {
    const id = "label-quality-review";
    const there = document.getElementById(id);
    if (there) return there;
    const style = element(
      "style",
      `#${id} { position: fixed; z-index: 100000; bottom: 3px; left: 50%; transform: translateX(-50%); display: flex;
         gap: 14px; align-items: center; padding: 3px 14px; border-radius: 6px; white-space: nowrap; font-size: 13px;
         font-family: var(--fo-fontFamily-body); color: var(--fo-palette-text-primary);
         background: var(--fo-palette-background-level2); border: 1px solid var(--fo-palette-divider); }
       #${id}:empty { display: none; }
       #${id} .quiet { color: var(--fo-palette-text-secondary); }
       #${id} button, #${id} input { font: inherit; color: inherit; background: none; border: none; padding: 0 2px; }
       #${id} button { cursor: pointer; }
       #${id} button:hover, #${id} button.first { color: var(--fo-palette-primary-plainColor); }
       #${id} kbd { display: inline-block; min-width: 16px; margin-right: 5px; text-align: center; border-radius: 3px;
         border: 1px solid var(--fo-palette-text-secondary); font: inherit; font-size: 11px; line-height: 15px; }
       #${id} input { width: 110px; outline: none; border-bottom: 1px solid var(--fo-palette-text-secondary); }`
    );
    const made = element("div");
    made.id = id;
    made.setAttribute("data-cy", id);
    document.head.append(style);
    document.body.append(made);
    return made;
  }

  function draw(result) {
    state = result && result.key ? result : null;
    choosing = choosing && Boolean(state);
    // Or what is typed would be lost, and its letters be verdicts
    if (choosing) return;
    if (result) placePictures();
    if (!state) return bar().replaceChildren();
    const keys = Object.entries(DECISIONS).map(([key, decision]) => {
      const button = element("button");
      button.append(element("kbd", key), (state.names && state.names[decision]) || NAMES[decision]);
      button.onclick = () => start(decision);
      return button;
    });
    const layers = Object.entries(LAYERS).filter(([, name]) => state.layers[name]);
    const shown = layers.map(([key, name]) => {
      const button = element("button", "", "quiet");
      button.append(element("kbd", key), LAYER_NAMES[name]);
      button.onclick = () => toggle(key);
      return button;
    });
    const done = `${state.reviewed.toLocaleString()} of ${state.total.toLocaleString()} reviewed`;
    bar().replaceChildren(element("span", state.text), ...keys, element("span", done, "quiet"), ...shown);
  }

  function toggle(key) {
    const path = place && state && state.layers[LAYERS[key]];
    if (path) executeOperator(`${PLUGIN}/toggle_layer`, { path });
    return Boolean(path);
  }

  function start(decision) {
    look();
    if (moving() && decision !== "undo") return;
    // Which suspect that is, is not known yet; undone is the last, whichever is open
    if (Date.now() - asked < DONE_MS && decision !== "undo") {
      early = decision;
      return;
    }
    const asks = decision === "change" || (decision === "confirm" && state && state.asks);
    if (asks && state && state.classes.length) choose();
    else decide(decision);
  }

  /** Replaces the line by a field to type the right class in: Enter takes the first that matches. */
  function choose() {
    choosing = true;
    const focused = document.activeElement;
    const input = (field = element("input"));
    const list = element("span");
    const hint = element("span", "", "quiet");
    const matches = () => {
      const text = input.value.trim().toLowerCase();
      const starts = state.classes.filter((name) => name.toLowerCase().startsWith(text));
      const holds = state.classes.filter((name) => !starts.includes(name) && name.toLowerCase().includes(text));
      return [...starts, ...holds];
    };
    const take = (name) => {
      choosing = false;
      // The image listens to keys, such as Escape, while it has the focus
      focused.focus();
      draw(state);
      if (name) decide("change", name);
    };
    const show = () => {
      const found = matches();
      const buttons = found.slice(0, LISTED_CLASSES).map((name, index) => {
        const button = element("button", name, index ? "" : "first");
        button.onclick = () => take(name);
        return button;
      });
      const more = found.length - LISTED_CLASSES;
      list.replaceChildren(...buttons.flatMap((one) => [one, " "]), more > 0 ? `and ${more} more` : "");
      hint.textContent = found.length ? "Enter takes the first, Esc goes back" : "No class is called so, Esc goes back";
    };
    input.oninput = show;
    input.setAttribute("aria-label", "The right class");
    input.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Escape") take(null);
      if (event.key === "Enter" && matches().length) take(matches()[0]);
    };
    show();
    bar().replaceChildren(element("span", "It should be"), input, list, hint);
    input.focus();
  }

  const TEXT = "input, textarea, [contenteditable=true]";

  function typing(target) {
    return target instanceof Element && target.closest(`${TEXT}, select, [role=combobox]`);
  }

  const PROMPTS = "[data-cy^=operators-prompt], [data-cy=operators-browser]";

  function prompted() {
    return document.querySelector(PROMPTS);
  }

  /** Takes the focus from what is behind an open sample: a panel gives it to its first choice each time that it is drawn,
  such as after a verdict, and that would keep the keys to itself.

  While a class is typed, its field has the focus back: an image, too, takes it each time that it is drawn. What is typed
  would be lost, and its letters be verdicts. */
  function unfocus() {
    const one = document.activeElement;
    if (!modal() || !one || one.closest(PROMPTS)) return;
    const behind = one.closest("#root");
    if (behind) one.blur();
    if (choosing && (behind || !(bar().contains(one) || one.matches(TEXT)))) field.focus();
  }

  document.addEventListener("focusin", unfocus);

  document.addEventListener("keydown", (event) => {
    const decision = DECISIONS[event.key];
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;
    if (!plain || typing(event.target) || prompted()) return;
    if (choosing) {
      // A letter goes where the focus is then
      field.focus();
      field.onkeydown(event);
      return event.stopImmediatePropagation();
    }
    if (LAYERS[event.key] && toggle(event.key)) event.preventDefault();
    if (!decision) return;
    // Or the key would be the first letter in the field that it opens
    event.preventDefault();
    start(decision);
  });

  // The App's own image hears keys only while the pointer is over it: opened from the panel it would not close
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !modal() || typing(event.target) || prompted()) return;
    if (!modal().querySelector("canvas:hover")) executeOperator("close_sample");
  });

  /** Notices what is open and what the grid shows. */
  function look() {
    const entries = (document.querySelector("[data-cy=entry-counts]") || {}).textContent || "";
    const unit = entries.match(/[a-z]+/g);
    const count = unit ? unit[unit.length - 1] : counted;
    if (counted.startsWith("patch") && !count.startsWith("patch")) {
      const callback = ({ result }) => result && executeOperator(`${PLUGIN}/mend_sidebar`, result);
      executeOperator(`${PLUGIN}/sidebar_groups`, {}, { callback });
    }
    counted = count;
    const grid = `${location.pathname} ${entries}`;
    if (unit && grid !== numbered) {
      numbered = grid;
      executeOperator(`${PLUGIN}/color_numbers`);
    }
    const now = openSample();
    if (now === place) return;
    place = now;
    asked = place ? Date.now() : 0;
    early = left = null;
    unfocus();
    draw(null);
    if (place) executeOperator(`${PLUGIN}/meet_sample`);
    if (!place && changed) {
      changed = false;
      executeOperator("@voxel51/operators/reload_dataset");
    }
  }

  setInterval(look, WATCH_MS);

  /** Opens a sample and, once it is painted, gives it the grid's fields again.

  The App copies the grid's sidebar to the sample when it opens it. While the page still changes to another view that
  is an empty one, and stays so until the page is reloaded, or the fields that the view before had. */
  async function openWhole(id, setModalState) {
    const painted = () => modal() && modal().querySelector("canvas[canvas-loaded=true]");
    executeOperator("open_sample", { id });
    for (let waited = 0; waited < DONE_MS && !painted(); waited += VIEW_MS) {
      await new Promise((done) => setTimeout(done, VIEW_MS));
    }
    await setModalState();
  }

  /** Does something once the grid has painted another view: a change of the view closes, or empties, the sample that is
  open, and may lose which fields were asked for just before. */
  class InNextView extends Operator {
    get config() {
      return new OperatorConfig({ name: "in_next_view", label: "Do something in the next view", unlisted: true });
    }

    useHooks() {
      return { setModalState: window.__fos__.useSetModalState() };
    }

    async execute({ params: { id, fields = [], before, since = Date.now() }, state: app, hooks }) {
      const view = JSON.stringify(await app.snapshot.getPromise(window.__fos__.view));
      const tile = document.querySelector("[data-cy=fo-grid] canvas[canvas-loaded=true]");
      if (before === undefined) leaving = tile;
      const late = Date.now() - since > DONE_MS;
      const shown = before !== undefined && view !== before;
      if (shown && ((tile && tile !== leaving) || late)) {
        const active = await app.snapshot.getPromise(window.__fos__.activeFields({ modal: false }));
        const missing = fields.filter((path) => !active.includes(path));
        if (missing.length) executeOperator("set_active_fields", { fields: [...missing, ...active] });
        return id && openWhole(id, hooks.setModalState);
      }
      if (late) return;
      const again = { id, fields, before: before ?? view, since };
      setTimeout(() => executeOperator(`${PLUGIN}/in_next_view`, again), VIEW_MS);
    }
  }

  /** Has an open panel look for what was changed elsewhere: runs that were made or deleted, or verdicts. */
  class RefreshPanel extends Operator {
    get config() {
      return new OperatorConfig({ name: "refresh_panel", label: "Refresh the panel", unlisted: true });
    }

    useHooks() {
      return { trigger: usePanelEvent() };
    }

    async execute({ params, hooks }) {
      const name = (params && params.panel) || PANEL;
      for (const panel of document.querySelectorAll(`[data-cy=panel-content-${name}]`)) {
        hooks.trigger(panel.id, { operator: `${PLUGIN}/${name}#refresh` });
      }
    }
  }

  /** Tells the panel of a change of the view, where it is asked to follow it.

  FiftyOne tells of up to four for each, and asks the server each time, just when the grid needs it. */
  class FollowView extends Operator {
    get config() {
      return new OperatorConfig({ name: "follow_view", label: "Follow the view", unlisted: true });
    }

    useHooks() {
      return { trigger: usePanelEvent() };
    }

    async execute({ params: { panel_id: panel, panel_state: known }, hooks }) {
      if (!known?.page?.controls?.following) return;
      clearTimeout(following);
      following = setTimeout(() => hooks.trigger(panel, { operator: `${PLUGIN}/${PANEL}#on_change_view` }), VIEW_MS);
    }
  }

  /** Tells the panel beside an image how masks are drawn, where it does not know.

  Colours go to values in the order in which the page first needs them, so that the dataset alone does not say them;
  they may also be shuffled, or changed for this page alone. */
  class TellMaskColors extends Operator {
    get config() {
      return new OperatorConfig({ name: "tell_mask_colors", label: "Tell the colours of masks", unlisted: true });
    }

    useHooks() {
      return { trigger: usePanelEvent() };
    }

    async execute({ params: { field, known }, state: app, hooks }) {
      const { coloring, colorScheme } = window.__fos__;
      const drawn = await app.snapshot.getPromise(coloring);
      const scheme = await app.snapshot.getPromise(colorScheme);
      const own = (scheme.fields || []).find((one) => one.path === field);
      const single = [...(drawn.defaultMaskTargetsColors || []), ...((own && own.maskTargetsColors) || [])];
      const custom = Object.fromEntries(single.map((one) => [one.intTarget, one.color]));
      const params = { pool: [...drawn.targets], custom };
      if (JSON.stringify(params) === JSON.stringify(known)) return;
      for (const panel of document.querySelectorAll(`[data-cy=panel-content-${IMAGE_PANEL}]`)) {
        hooks.trigger(panel.id, { operator: `${PLUGIN}/${IMAGE_PANEL}#see_colors`, params });
      }
    }
  }

  /** Shows a field's labels in the open sample, or hides them, as its box in the sidebar does. */
  class ToggleLayer extends Operator {
    get config() {
      return new OperatorConfig({ name: "toggle_layer", label: "Show or hide labels", unlisted: true });
    }

    async execute({ params: { path }, state: app }) {
      const active = window.__fos__.activeField({ modal: true, path });
      app.set(active, !(await app.snapshot.getPromise(active)));
    }
  }

  /** Gives the sidebar the dataset's groups again, after a view of patches.

  The page keeps a group's fields that the patches have, and puts all others into the groups of a dataset without any:
  the run's fields are torn apart, and the heatmap, then before the suspects, is drawn on top of them. */
  class MendSidebar extends Operator {
    get config() {
      return new OperatorConfig({ name: "mend_sidebar", label: "Mend the sidebar", unlisted: true });
    }

    async execute({ params: { groups }, state: app }) {
      const definition = window.__fos__.sidebarGroupsDefinition(false);
      const there = await app.snapshot.getPromise(definition);
      if (!groups.length) return;
      colorNumbers(groups);
      // What no group of the dataset has, such as a field made since, stays where the page has put it
      const listed = new Set(groups.flatMap(({ paths }) => paths));
      const left = there.map((one) => ({ ...one, paths: one.paths.filter((path) => !listed.has(path)) }));
      const whole = groups.map(({ name, paths }) => {
        const before = left.find((one) => one.name === name);
        return { expanded: true, ...before, name, paths: [...paths, ...(before ? before.paths : [])] };
      });
      const named = new Set(groups.map(({ name }) => name));
      app.set(definition, [...whole, ...left.filter(({ name }) => !named.has(name))]);
    }
  }

  /** Gives the qualities on tiles one colour: the App draws one by chance for each number, and no two are alike. */
  function colorNumbers(groups) {
    const id = "label-quality-numbers";
    const keys = groups.map(({ name }) => name.match(GROUP)).filter(Boolean);
    const tags = keys.map(([, key]) => `[data-cy=fo-grid] div[title^="${key}_quality: "]`);
    const style = document.getElementById(id) || document.head.appendChild(element("style"));
    style.id = id;
    const colors = "background: var(--fo-palette-background-level2) !important; color: var(--fo-palette-text-primary);";
    style.textContent = tags.length ? `${tags.join(", ")} { ${colors} }` : "";
  }

  /** Colours the numbers of the runs that a dataset has; of those made while it is open, their groups tell at once. */
  class ColorNumbers extends Operator {
    get config() {
      return new OperatorConfig({ name: "color_numbers", label: "Colour numbers on tiles", unlisted: true });
    }

    async execute({ state: app }) {
      colorNumbers(await app.snapshot.getPromise(window.__fos__.sidebarGroupsDefinition(false)));
    }
  }

  /** Says of a run's progress that it goes on, where FiftyOne's dialog has a button "Done" from the start.

  That button would only hide the dialog until there is more to say. */
  class MarkProgress extends Operator {
    get config() {
      return new OperatorConfig({ name: "mark_progress", label: "Mark a run's progress", unlisted: true });
    }

    async execute() {
      const marked = "data-label-quality-runs";
      const dialog = () => document.querySelector("[data-cy=operators-prompt-view-modal]");
      for (let waited = 0; waited < 1000 && !dialog(); waited += VIEW_MS) {
        await new Promise((done) => setTimeout(done, VIEW_MS));
      }
      if (dialog()) dialog().setAttribute(marked, "");
      if (document.getElementById(marked)) return;
      const bar = `[${marked}]:has([role=progressbar]) .MuiDialogActions-root`;
      const style = element(
        "style",
        `${bar} > * { display: none; }
         ${bar}::after { content: "Still running. Closing this page stops it; started again, it goes on from there.";
           padding: 6px; font-size: 13px; color: var(--fo-palette-text-secondary); }`
      );
      style.id = marked;
      document.head.append(style);
    }
  }

  const ofPanels = [RefreshPanel, FollowView, TellMaskColors, PlacePictures];
  const ofGrid = [MendSidebar, ColorNumbers];
  const operators = [ShowReview, MeetSample, InNextView, ...ofPanels, ToggleLayer, ...ofGrid, MarkProgress];
  for (const operator of operators) registerOperator(operator, PLUGIN);
})();
