// Comfort only: the form works without it. Hides a question that no answer so far lets be asked, and copies the
// answers. Sends and stores nothing.
"use strict";

function chosen(linkId) {
  const found = document.querySelector(`input[name="${CSS.escape(linkId)}"]:checked`);
  return found ? found.value : "";
}

function gate() {
  for (const question of document.querySelectorAll("fieldset[data-gate]")) {
    const opener = document.getElementById(`q-${question.dataset.gate}`);
    const among = question.dataset.among.split(" ").filter(Boolean);
    const answer = chosen(question.dataset.gate);
    const asked = !opener || (!opener.disabled && answer !== "" && (among.length === 0 || among.includes(answer)));
    question.hidden = !asked;
    question.disabled = !asked;
  }
  let number = 0;
  for (const question of document.querySelectorAll("fieldset.question:not([hidden])")) {
    number += 1;
    question.querySelector(".number").textContent = String(number);
  }
}

async function copy(written, status) {
  try {
    await navigator.clipboard.writeText(written.value);
    status.textContent = "Copied.";
  } catch {
    written.focus();
    written.select();
    status.textContent = "Selected: press Ctrl+C (on a Mac, Command+C) to copy.";
  }
}

document.addEventListener("DOMContentLoaded", () => {
  if (document.querySelector("fieldset[data-gate]")) {
    document.documentElement.classList.add("gated");
    document.addEventListener("change", gate);
    gate();
  }
  const button = document.getElementById("copy");
  if (button) {
    button.hidden = false;
    const written = document.getElementById("written");
    button.addEventListener("click", () => copy(written, document.getElementById("copied")));
  }
});
