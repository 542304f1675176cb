"use strict";
// Headings become buttons: without this script the table is complete, only not sortable.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const value = (row, place, numeric) => {
    const cell = row.cells[place];
    if (!numeric) return cell.textContent.toLowerCase();
    return cell.dataset.sort === "" ? NaN : Number(cell.dataset.sort);
  };
  const sort = (heading, place) => {
    const numeric = heading.classList.contains("number");
    const before = heading.getAttribute("aria-sort");
    const down = before === null ? numeric : before === "ascending";
    const compare = (a, b) => {
      const x = value(a, place, numeric), y = value(b, place, numeric);
      const missing = (numeric ? isNaN(x) - isNaN(y) : (x === "") - (y === ""));
      if (missing) return missing; // what is not there stands last, whichever way
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
    };
    for (const other of headings) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...[...body.rows].sort(compare));
  };
  headings.forEach((heading, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sort(heading, place));
    heading.replaceChildren(button);
  });
}
// Paper has no way to open what is closed.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
