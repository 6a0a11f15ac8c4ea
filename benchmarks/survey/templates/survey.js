"use strict";
// Everything happens on this device: questions come from the page, answers go to localStorage and into one saved file.
const survey = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = new Map(data.questions.map((question) => [question.id, question]));
  const place = `mmcollapse-survey-${data.survey}`;
  const get = (id) => document.getElementById(id);
  const ASK = { images: "Which picture shows this better?", captions: "Which caption fits the picture better?" };

  // Seeded random numbers: the rater's name decides order and sides, so that a reload changes neither.
  function numbers(text) {
    let state = 2166136261;
    for (const character of text) state = Math.imul(state ^ character.charCodeAt(0), 16777619);
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  function shuffled(values, next) {
    const found = values.slice();
    for (let i = found.length - 1; i > 0; i--) {
      const j = Math.floor(next() * (i + 1));
      [found[i], found[j]] = [found[j], found[i]];
    }
    return found;
  }

  // What a rater is asked, in order: half of all questions have their options swapped.
  function asked(rater) {
    const next = numbers(rater);
    const sheet = data.sheets[Math.floor(next() * data.sheets.length)];
    const order = shuffled(sheet, next);
    const swapped = shuffled(order.map((_, i) => i % 2 === 1), next);
    return order.map((id, i) => {
      const options = byId.get(id).options.map((option) => option.id);
      return { question: id, left: options[swapped[i] ? 1 : 0], right: options[swapped[i] ? 0 : 1] };
    });
  }

  function newRater() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  let state = null; // {rater, at, votes: {question: {answer, seconds}}}
  let order = [];
  let since = 0;

  function recall() {
    try {
      const kept = JSON.parse(localStorage.getItem(place));
      if (kept && /^[0-9a-f]{32}$/.test(kept.rater) && kept.votes && Number.isInteger(kept.at)) return kept;
    } catch (error) {
      /* nothing was kept, or nothing readable */
    }
    return null;
  }

  function keep() {
    try {
      localStorage.setItem(place, JSON.stringify(state));
    } catch (error) {
      get("unkept").hidden = false;
    }
  }

  function begin(kept) {
    state = kept || { rater: newRater(), at: 0, votes: {} };
    order = asked(state.rater);
    state.at = Math.min(Math.max(state.at, 0), order.length);
  }

  function show(section) {
    for (const name of ["intro", "vote", "done"]) get(name).hidden = name !== section;
    window.scrollTo(0, 0);
  }

  function put(image, address) {
    image.hidden = !address;
    if (!address) return image.removeAttribute("src");
    image.src = address;
    image.classList.toggle("exact", address.startsWith("data:image/png"));
  }

  function fill(card, option) {
    put(card.querySelector("img"), option.image);
    const caption = card.querySelector(".caption");
    caption.hidden = option.text === undefined;
    caption.textContent = option.text === undefined ? "" : option.text || "(no words)";
  }

  function render() {
    const answered = Object.keys(state.votes).length;
    get("progress").value = answered;
    get("progress").max = order.length;
    if (state.at >= order.length) {
      get("total").textContent = order.length;
      show("done");
      return get("thanks").focus();
    }
    const turn = order[state.at];
    const question = byId.get(turn.question);
    const options = new Map(question.options.map((option) => [option.id, option]));
    const before = state.votes[turn.question];
    get("count").textContent = `${state.at + 1} of ${order.length}`;
    get("ask").textContent = ASK[question.kind];
    get("prompt").hidden = question.text === undefined;
    get("prompt").textContent = question.text === undefined ? "" : `“${question.text}”`;
    put(get("context"), question.image);
    get("pair").className = question.kind;
    fill(get("left"), options.get(turn.left));
    fill(get("right"), options.get(turn.right));
    for (const name of ["left", "right", "tie"]) {
      get(name).classList.toggle("chosen", Boolean(before) && before.answer === name);
    }
    get("back").disabled = state.at === 0;
    show("vote");
    get("ask").focus({ preventScroll: true });
    since = performance.now();
  }

  function spent() {
    return (performance.now() - since) / 1000;
  }

  function answer(choice) {
    if (get("vote").hidden) return;
    const id = order[state.at].question;
    const earlier = state.votes[id] ? state.votes[id].seconds : 0;
    state.votes[id] = { answer: choice, seconds: Math.round((earlier + spent()) * 1000) / 1000 };
    state.at += 1;
    keep();
    render();
  }

  function back() {
    if (state.at === 0) return;
    state.at -= 1;
    keep();
    render();
  }

  function ballot() {
    const votes = order.filter((turn) => state.votes[turn.question]).map((turn) => ({ ...turn, ...state.votes[turn.question] }));
    return { schema: 1, survey: data.survey, rater: state.rater, votes };
  }

  function save() {
    const text = JSON.stringify(ballot(), null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = `votes-${data.survey.slice(0, 8)}-${state.rater.slice(0, 8)}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    get("saved").textContent = `Saved as ${link.download}, where this browser puts downloads.`;
  }

  const KEYS = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "tie" };
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || get("vote").hidden) return;
    if (KEYS[event.key]) answer(KEYS[event.key]);
    else if (event.key === "Backspace") back();
    else return;
    event.preventDefault();
  });
  for (const name of ["left", "right", "tie"]) get(name).addEventListener("click", () => answer(name));
  get("back").addEventListener("click", back);
  get("again").addEventListener("click", back);
  get("pause").addEventListener("click", save);
  get("save").addEventListener("click", save);
  get("start").addEventListener("click", () => { keep(); render(); });
  get("fresh").addEventListener("click", () => {
    if (!confirm("Forget the answers given here? Save them first.")) return;
    begin(null);
    get("saved").textContent = "";
    try { localStorage.removeItem(place); } catch (error) { /* nothing was kept */ }
    show("intro");
  });

  const kept = recall();
  begin(kept);
  try { localStorage.setItem(`${place}-probe`, "1"); localStorage.removeItem(`${place}-probe`); }
  catch (error) { get("unkept").hidden = false; }
  if (kept && (kept.at > 0 || Object.keys(kept.votes).length)) render();
  else show("intro");
  return { asked, ballot };
})();
