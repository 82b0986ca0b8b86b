// The HTML report in Chromium, as people meet it: on a desk and on a phone, light and dark, on paper, with and without
// scripts, heard instead of seen, and with the network cut off.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const reports = process.env.REPORTS;
assert(reports, "REPORTS names no directory: start this by drill/tests/browser/run");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const desk = { width: 1200, height: 900 };
const phone = { width: 375, height: 780 };

let browser;

before(async () => {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const places = process.env.PATH.split(":").flatMap((place) => names.map((name) => `${place}/${name}`));
  const executablePath = process.env.CHROMIUM || places.find((place) => existsSync(place));
  assert(executablePath, "there is no Chromium: apt-get install chromium, or name its program in CHROMIUM");
  browser = await chromium.launch({ executablePath, chromiumSandbox: process.getuid() !== 0 });
});
after(() => browser?.close());

const data = (name) => JSON.parse(readFileSync(`${reports}/${name}/report.json`, "utf8"));
const address = (name) => pathToFileURL(`${reports}/${name}/report.html`).href;

// Opens a report, does something with it, and holds that the console stayed empty and nothing was asked for.
async function opened(name, settings, work) {
  const context = await browser.newContext({ offline: true, ...settings });
  const page = await context.newPage();
  const [said, asked] = [[], []];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("dialog", (dialog) => { said.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => asked.push(request.url()));
  try {
    await page.goto(address(name));
    await work(page, context);
    assert.deepEqual(said, [], "the console is empty");
    assert.deepEqual(asked, [address(name)], "nothing but the file itself is asked for");
  } finally {
    await context.close();
  }
}

const texts = (page, selector) => page.locator(selector).evaluateAll((all) => all.map((one) => one.innerText.trim().replace(/\s+/g, " ")));
const rows = (page, heading) => page.locator(`table[aria-labelledby="${heading}"] tbody tr`);
const overhang = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

const looks = [
  ["good", "light", desk], ["good", "light", phone], ["good", "dark", desk], ["good", "dark", phone],
  ["bad", "light", desk], ["bad", "dark", phone], ["broken", "dark", desk],
  ["everything", "light", { width: 1280, height: 900 }], ["everything", "dark", { width: 390, height: 780 }],
];
for (const [name, colorScheme, viewport] of looks) {
  test(`${name}, ${colorScheme}, ${viewport.width} wide: accessible, and nothing overhangs`, async () => {
    await opened(name, { colorScheme, viewport }, async (page) => {
      await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => axe.run());
      const found = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(" ")}`);
      assert.deepEqual(found, []);
      assert(passes.some((one) => one.id === "color-contrast"), "contrast was looked at");
      assert.equal(await overhang(page), 0);
    });
  });
}

test("every section is there, under headings in order", async () => {
  await opened("good", { viewport: desk }, async (page) => {
    assert.deepEqual(await texts(page, "h1"), [data("good").header.title]);
    assert.deepEqual(await texts(page, "h2"), [
      "Verdict", "What happened", "Recovery", "Who depends on what", "Faults against applications", "Why", "Ways out",
      "The sites side by side", "Step by step", "What to look after", "Evidence", "Limits",
    ]);
    for (const link of await page.locator("a[href^='#']").all()) {
      const target = await link.getAttribute("href");
      assert.equal(await page.locator(target).count(), 1, `${target} leads somewhere`);
    }
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  });
});

test("the tables say what report.json says", async () => {
  for (const name of ["good", "bad"]) {
    const report = data(name);
    await opened(name, { viewport: desk }, async (page) => {
      for (const [heading, list] of [
        ["recovery", report.recovery], ["dependencies", report.dependencies], ["faults", report.faults.rows],
        ["steps", report.timeline], ["actions", report.actions], ["sites", report.sites.rows],
      ]) {
        assert.equal(await rows(page, heading).count(), list.length, heading);
      }
      const words = { works: "✓ works", fails: "✕ fails", mixed: "◐ some fail", unknown: "– not tried" };
      for (const [n, row] of report.faults.rows.entries()) {
        const cells = await rows(page, "faults").nth(n).locator("td").allInnerTexts();
        for (const [m, cell] of row.cells.entries()) {
          const seen = cells[m + 1].replace(/\s+/g, " ");
          assert(seen.startsWith(words[cell.state]), `${row.what}, ${cell.application}: ${seen}`);
          assert(!cell.saf || seen.includes(cell.saf), seen);
        }
      }
      const sentence = await page.locator(".verdict p").innerText();
      assert.equal(sentence, report.verdict.sentence);
      const lanes = await texts(page, ".lane .name");
      const { work, engines, applications } = report.strips;
      assert.deepEqual(lanes, [work, ...engines, ...applications].map((strip) => strip.name));
      // Bars lie where their times are.
      const end = report.strips.end;
      for (const [n, strip] of [work, ...engines, ...applications].entries()) {
        const track = page.locator(".lane svg[role=img]").nth(n);
        const { x, width } = await track.boundingBox();
        const bars = await track.locator("svg").evaluateAll((all) => all.map((bar) => bar.getBoundingClientRect().toJSON()));
        assert.equal(bars.length, strip.segments.length, strip.name);
        for (const [m, segment] of strip.segments.entries()) {
          assert(Math.abs(bars[m].x - x - (segment.from / end) * width) < 3, `${strip.name}: ${segment.label}`);
        }
      }
    });
  }
});

test("text of a drill is shown, and never obeyed", async () => {
  await opened("bad", { viewport: desk }, async (page) => {
    const title = await page.locator("h1").innerText();
    assert.equal(title, "<img src=http://127.0.0.1:9/x onerror=alert(1)> & <script>alert(2)</script>");
    assert.equal(await page.locator("img").count(), 0);
  });
  // What got past the escaping would not run either.
  const page = await browser.newPage();
  const said = [];
  page.on("console", (message) => said.push(message.text()));
  await page.goto(address("good"));
  const before = await page.title();
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.title = 'taken over'";
    document.body.append(script);
    document.body.insertAdjacentHTML("beforeend", "<img src='http://127.0.0.1:9/x' onerror='document.title = 1'>");
  });
  await page.waitForTimeout(200);
  assert.equal(await page.title(), before);
  assert(said.length >= 2 && said.every((one) => one.includes("Content Security Policy")), said.join("\n"));
  await page.close();
});

test("what deviates and what changed stands out", async () => {
  await opened("bad", { viewport: desk }, async (page) => {
    assert.equal((await texts(page, ".verdict .mark"))[0], "✕ Deviated");
    assert.equal(await rows(page, "steps").filter({ hasText: "✕ deviated" }).count(), 1);
    const since = await texts(page, ".since ul");
    assert.match(since[1], /step tso-without-card deviates, and went as expected before/);
    assert.match(await page.locator("#since + p").innerText(), /another version of the drill file/);
  });
  await opened("broken", { viewport: desk }, async (page) => {
    assert.equal((await texts(page, ".verdict .mark"))[0], "■ Not started");
  });
});

test("commands can be copied", async () => {
  const settings = { viewport: desk, permissions: ["clipboard-read", "clipboard-write"] };
  await opened("good", settings, async (page) => {
    const commands = page.locator(".command");
    const wanted = data("good").remedies.flatMap((remedy) => remedy.commands);
    assert.deepEqual(await texts(page, ".command code"), wanted);
    for (const n of [0, wanted.length - 1]) {
      await commands.nth(n).getByRole("button").click();
      await page.getByRole("status").filter({ hasText: "Copied" }).waitFor({ state: "attached" });
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), wanted[n]);
    }
  });
});

test("without scripts everything is there, and no button that does nothing", async () => {
  await opened("good", { viewport: desk, javaScriptEnabled: false }, async (page) => {
    assert.equal(await page.locator("button").count(), 0);
    assert.equal(await page.locator("table").count(), 8);
    const said = await page.locator("body").textContent();
    for (const remedy of data("good").remedies) for (const command of remedy.commands) assert(said.includes(command));
  });
});

test("thirty applications and all their steps are a page that a person can use", async () => {
  const report = data("everything");
  const folded = (page) => page.evaluate(() => [...document.querySelectorAll("#why ~ details")].filter((one) => !one.open).length);
  for (const [viewport, longest] of [[{ width: 1280, height: 900 }, 30_000], [{ width: 390, height: 780 }, 60_000]]) {
    await opened("everything", { viewport }, async (page) => {
      assert.equal(await overhang(page), 0);
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      assert(height < longest, `${height} px`);
    });
  }
  await opened("everything", { viewport: desk }, async (page) => {
    assert.equal(await rows(page, "faults").count(), report.faults.rows.length);
    // Those that fared alike stand together, the most of them unnamed; nobody is left out.
    const words = { works: "✓ works", fails: "✕ fails", mixed: "◐ some fail", unknown: "– not tried" };
    for (const [n, row] of report.faults.rows.entries()) {
      const groups = (await rows(page, "faults").nth(n).locator(".groups li").allInnerTexts()).map((one) => one.replace(/\s+/g, " "));
      const key = (cell) => [words[cell.state], cell.saf, cell.icsf, cell.service].join();
      assert.equal(groups.length, new Set(row.cells.map(key)).size, row.what);
      for (const cell of row.cells) {
        const [consumer, session] = cell.application.split("/");
        const alike = groups.filter((one) => one.startsWith(words[cell.state]) && (!cell.saf || one.includes(cell.saf)));
        const named = alike.some((one) => / all \d+/.test(one) || (one.includes(consumer) && one.includes(session)));
        assert(named, `${row.what}: ${cell.application}: ${groups}`);
      }
    }
    // What is said of each step is folded away, and unfolds where a link leads to it.
    assert.equal(await rows(page, "steps").first().isVisible(), false);
    const failed = report.timeline.filter((moment) => moment.causes.length);
    assert.equal(await folded(page), failed.length);
    await page.locator("details:has(> table.steps) > summary").click();
    await page.locator(`a[href="#why-${failed[0].step}"]`).click();
    await page.locator(`#why-${failed[0].step} .truth`).waitFor({ state: "visible" });
    assert.equal(await folded(page), failed.length - 1);
  });
  const sheet = { width: 703, height: 1000 };
  await opened("everything", { viewport: sheet }, async (page) => {
    await page.emulateMedia({ media: "print" });
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.equal(await overhang(page), 0);
    assert(await page.locator("details:has(> table.steps) > summary").isVisible(), "it says where the steps are");
    const pages = (await page.pdf({ format: "A4" })).toString("latin1").match(/\/Type\s*\/Page\b/g).length;
    assert(pages <= 40, `${pages} pages`);
  });
});

test("on paper it is complete, and no wider than the sheet", async () => {
  // A4 between margins of 12 mm, at 96 dots to the inch.
  const sheet = { width: 703, height: 1000 };
  for (const javaScriptEnabled of [true, false]) {
    await opened("good", { viewport: sheet, colorScheme: "dark", javaScriptEnabled }, async (page) => {
      await page.emulateMedia({ media: "print" });
      assert.equal(await page.locator("nav").isVisible(), false);
      const head = await page.locator("table[aria-labelledby=recovery] thead").boundingBox();
      assert(head.height > 10, "tables are tables, and not the cards of a phone");
      if (javaScriptEnabled) await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
      const event = page.getByRole("table", { name: "Events of the journals" }).locator("tbody tr").first();
      assert((await event.boundingBox()).height > 10, "what is folded away on a screen is printed");
      if (javaScriptEnabled) {
        assert.equal(await overhang(page), 0);
        const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(paper, "rgb(255, 255, 255)", "paper is white, also for those who read in the dark");
        const pages = (await page.pdf({ format: "A4" })).toString("latin1").match(/\/Type\s*\/Page\b/g).length;
        assert(pages >= 3 && pages <= 15, `${pages} pages`);
      }
    });
  }
});

test("the pictures of the documents can be taken", async () => {
  const write = process.env.SOFTICSF_SCREENSHOTS === "write";
  const images = write ? new URL("../../../docs/images/", import.meta.url).pathname : `${reports}/`;
  mkdirSync(images, { recursive: true });
  const pictures = [
    ["report.png", desk, "light", (box) => ({ x: 0, y: 0, width: desk.width, height: box("#dependencies").y - 20 })],
    ["report-dark.png", desk, "dark", (box) => {
      const [from, to] = [box("#faults").y - 20, box("#why + p + article").bottom + 24];
      return { x: 0, y: from, width: desk.width, height: to - from };
    }],
    ["report-phone.png", phone, "light", (box) => ({ x: 0, y: 0, width: phone.width, height: box("#recovery").y - 16 })],
  ];
  for (const [file, viewport, colorScheme, clip] of pictures) {
    await opened("good", { viewport, colorScheme }, async (page) => {
      const places = await page.evaluate((all) => Object.fromEntries(all.map((one) => {
        const { y, bottom } = document.querySelector(one).getBoundingClientRect();
        return [one, { y, bottom }];
      })), ["#dependencies", "#faults", "#why + p + article", "#recovery"]);
      const picture = await page.screenshot({ path: images + file, fullPage: true, clip: clip((one) => places[one]) });
      assert(picture.length > 10_000, `${file}: ${picture.length} bytes`);
    });
  }
});
