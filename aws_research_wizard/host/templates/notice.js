// Shows what this lab's machine warns of: a bar at the foot of JupyterLab and Notebook, gone when the warning is withdrawn.
(() => {
  "use strict";
  const source = document.currentScript.src.replace(/\.js(\?.*)?$/, "");
  const EVERY = 10000;
  let bar = null, dismissed = "";

  function element(name, style, text) {
    const made = document.createElement(name);
    made.style.cssText = style;
    if (text) made.textContent = text;
    return made;
  }

  function show(notice) {
    const at = new Date(Date.now() + notice.in_s * 1000);
    const clock = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const words = (notice.in_s > 0 ? `This lab stops at ${clock}. ` : "This lab is about to stop. ") + notice.text;
    if (words + notice.keep === dismissed) return;
    if (bar && bar.dataset.words === words) return;
    take_down();
    bar = element("div", "position:fixed;z-index:10000;bottom:34px;left:0;right:0;margin:0 auto;width:max-content;max-width:94vw;display:flex;" +
      "gap:.8rem;align-items:center;flex-wrap:wrap;padding:.55rem .9rem;border-radius:6px;border:2px solid #8a5a00;background:#fff4d6;" +
      "color:#3b2600;font:14px/1.4 system-ui,sans-serif;box-shadow:0 2px 10px #0005");
    bar.id = "wizard-notice";
    bar.dataset.words = words;
    bar.setAttribute("role", "alert");
    bar.append(element("strong", "", "⚠"), element("span", "", words));
    const keep = element("span", "display:flex;gap:.4rem;align-items:center", "Keep it: ");
    const command = element("code", "background:#0001;padding:.1rem .35rem;border-radius:4px;user-select:all", notice.keep);
    keep.append(command, button("Copy", () => navigator.clipboard && navigator.clipboard.writeText(notice.keep)));
    bar.append(keep, button("Hide", () => { dismissed = words + notice.keep; take_down(); }));
    document.body.append(bar);
  }

  function button(text, act) {
    const made = element("button", "font:inherit;padding:.15rem .6rem;border:1px solid #8a5a00;border-radius:4px;background:#fff;color:#3b2600;cursor:pointer", text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  function take_down() {
    if (bar) bar.remove();
    bar = null;
  }

  function token() {
    const found = document.cookie.match(/(?:^|; )_xsrf=([^;]*)/);
    return found ? decodeURIComponent(found[1]) : "";
  }

  async function look() {
    try {
      const how = { credentials: "same-origin", cache: "no-store", redirect: "error", headers: { "X-XSRFToken": token() } };
      const answer = await fetch(source, how);
      if (!answer.ok) return;
      const notice = await answer.json();
      if (notice) show(notice); else { dismissed = ""; take_down(); }
    } catch (error) { /* the server is away: what was shown stands */ }
  }
  look();
  setInterval(look, EVERY);
})();
