"use strict";
(() => {
  const one = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const requirements = all(".req");
  const boxes = all("#filters input[name=verdict]");
  const [level, family, query] = [one("#level"), one("#family"), one("#q")];
  const texts = new Map();

  // Searching reads everything, exchanges too; the text of a requirement is taken once, when it is first needed.
  const textOf = (requirement) => {
    if (!texts.has(requirement)) texts.set(requirement, requirement.textContent.toLowerCase());
    return texts.get(requirement);
  };

  const state = () => ({
    verdicts: boxes.filter((box) => box.checked).map((box) => box.value),
    level: level.value,
    family: family.value,
    words: query.value.toLowerCase().split(/\s+/).filter(Boolean),
  });

  const matches = (requirement, wanted) =>
    (!wanted.verdicts.length || wanted.verdicts.includes(requirement.dataset.verdict)) &&
    (!wanted.level || requirement.dataset.level === wanted.level) &&
    (!wanted.family || requirement.closest(".family").dataset.family === wanted.family) &&
    wanted.words.every((word) => textOf(requirement).includes(word));

  const apply = () => {
    const wanted = state();
    let shown = 0;
    for (const requirement of requirements) {
      requirement.hidden = !matches(requirement, wanted);
      shown += !requirement.hidden;
    }
    for (const section of all(".family")) section.hidden = !section.querySelector(".req:not([hidden])");
    one("#empty").hidden = shown > 0;
    one("#shown").textContent = `${shown} of ${requirements.length} requirements shown`;
  };

  // The address keeps the filter, so that a link to it can be sent: #verdict=fail,warn&level=must&family=UP&q=text
  const remember = () => {
    const kept = new URLSearchParams();
    const { verdicts } = state();
    if (verdicts.length) kept.set("verdict", verdicts.join(","));
    if (level.value) kept.set("level", level.value);
    if (family.value) kept.set("family", family.value);
    if (query.value) kept.set("q", query.value);
    history.replaceState(null, "", `#${kept.toString().replaceAll("%2C", ",")}`);
  };

  const choose = (select, value) => {
    select.value = [...select.options].some((option) => option.value === value) ? value : "";
  };

  const recall = (kept) => {
    const verdicts = (kept.get("verdict") || "").split(",");
    for (const box of boxes) box.checked = verdicts.includes(box.value);
    choose(level, kept.get("level") || "");
    choose(family, kept.get("family") || "");
    query.value = kept.get("q") || "";
    apply();
  };

  // A link to a requirement or an exchange opens everything around it, whatever the filter hides.
  const reveal = (target) => {
    const requirement = target.closest(".req");
    if (requirement && requirement.hidden) recall(new URLSearchParams());
    if (target.matches(".req")) target.querySelector("details").open = true;
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView({ block: "start" });
  };

  const follow = () => {
    const hash = location.hash.slice(1);
    const target = hash && document.getElementById(hash);
    if (target) reveal(target);
    else if (hash.includes("=") || !hash) recall(new URLSearchParams(location.hash.slice(1)));
    return !target && hash.includes("=");
  };

  const openAll = (open) => {
    for (const details of all(".req:not([hidden]) details:not(.curl)")) details.open = open;
  };

  const offerCopy = (curl) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(curl.querySelector("pre").textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(curl.querySelector("pre"));
        button.textContent = "Selected: press Ctrl+C";
      }
    });
    curl.append(button);
  };

  const changed = () => { remember(); apply(); };
  for (const control of [...boxes, level, family]) control.addEventListener("change", changed);
  let typing;
  query.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(changed, 120); });
  one("#reset").addEventListener("click", () => { recall(new URLSearchParams()); remember(); });
  one("#expand").addEventListener("click", () => openAll(true));
  one("#collapse").addEventListener("click", () => openAll(false));
  addEventListener("hashchange", () => { if (follow()) one("#filters").scrollIntoView({ block: "start" }); });
  document.addEventListener("toggle", (event) => {
    if (event.target.matches(".curl[open]") && !event.target.querySelector(".copy")) offerCopy(event.target);
  }, true);

  one("#filters").hidden = false;
  apply();
  follow();
})();
