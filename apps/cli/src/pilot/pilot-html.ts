// A pilot as one HTML file that needs nothing else: no script, no font, no network; light or dark as the reader's screen is, and fit to print.
import { moneyText, percentText } from '#libs/studio';
import { colourOf, costChart, COLOURS_MAX, reasonsChart, usableRateChart } from './charts.js';
import { html, Html, NOTHING } from './html-text.js';
import {
  costRows,
  costText,
  keyText,
  madeRows,
  METHOD,
  NONE,
  rateText,
  SLICE_HEAD,
  sliceCells,
  slicesOf,
  sourceText,
  type FigureRow,
  type Slice,
} from './pilot-words.js';
import type { Pilot } from './pilot.js';

const STYLE = new Html(`
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#fff;--panel:#f6f8fa;--rule:#d0d7de;--good:#1a7f37;--bad:#b42318;
--c1:#0969da;--c2:#bf6a02;--c3:#1a7f6b;--c4:#8250df;--c5:#bf3989;--c6:#6e7781}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b3;--paper:#0d1117;--panel:#161b22;--rule:#30363d;--good:#4ac26b;--bad:#ff8f85;
--c1:#4c9aff;--c2:#f0a24b;--c3:#3fbfa3;--c4:#b491ff;--c5:#f07cb8;--c6:#9aa4ae}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:52rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.1rem;margin:0 0 1rem;color:var(--soft);font-weight:600}
h2{font-size:1.15rem;margin:2.5rem 0 .75rem}
.statement{font-size:1.45rem;line-height:1.35;font-weight:600;margin:0;overflow-wrap:anywhere}
.statement.meets{border-left:.3rem solid var(--good);padding-left:1rem}
.statement.does_not_meet{border-left:.3rem solid var(--bad);padding-left:1rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:1.75rem 0 0}
.tiles div{background:var(--panel);border:1px solid var(--rule);border-radius:.5rem;padding:.75rem 1rem}
.tiles dt{color:var(--soft);font-size:.85rem}
.tiles dd{margin:0;font-size:1.5rem;font-weight:650;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.95rem}
th,td{text-align:right;padding:.4rem .6rem;border-bottom:1px solid var(--rule);vertical-align:top}
th:first-child,td:first-child,td.note{text-align:left}
td:first-child{overflow-wrap:anywhere}
thead th{color:var(--soft);font-weight:600;font-size:.85rem}
td.note,footer,.more{color:var(--soft);font-size:.9rem}
small{display:block;color:var(--soft);font-size:.8rem;font-weight:400;line-height:1.3}
figure{margin:0 0 1rem;overflow-x:auto}
svg{width:100%;min-width:34rem;height:auto;display:block;font:13px system-ui,sans-serif}
svg text{fill:var(--ink)}
svg .tick{fill:var(--soft);font-size:11px}
.c1{fill:var(--c1);background:var(--c1)}.c2{fill:var(--c2);background:var(--c2)}.c3{fill:var(--c3);background:var(--c3)}
.c4{fill:var(--c4);background:var(--c4)}.c5{fill:var(--c5);background:var(--c5)}.c6{fill:var(--c6);background:var(--c6)}
.total{fill:var(--soft)}
.grid{stroke:var(--rule)}
.whisker{stroke:var(--ink);stroke-width:1.5;fill:none}
.bar-line{stroke:var(--bad);stroke-width:2;stroke-dasharray:5 4}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:.25rem 0 .5rem;padding:0;font-size:.9rem}
.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:.15rem;margin-right:.4rem}
footer{margin-top:3rem;border-top:1px solid var(--rule);padding-top:1rem}
@media print{main{padding:0;max-width:none}h2{break-after:avoid}table,figure,.tiles{break-inside:avoid}}
`);

export function pilotHtml(pilot: Pilot): string {
  const { report } = pilot;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>Cost per usable clip</title>
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <main>
          <h1>Cost per usable clip</h1>
          <p class="statement ${report.verdict ?? ''}">${report.statement}</p>
          ${tiles(pilot)} ${stepsSection(pilot)}
          <h2>What it cost</h2>
          <figure>${costChart(pilot)}</figure>
          ${figureTable(costRows(pilot))}
          <h2>What was made</h2>
          ${figureTable(madeRows(pilot))} ${rateSection(pilot)} ${reasonsSection(pilot)} ${slicesOf(pilot).map(sliceSection)}
          <footer>
            <p>${sourceText(pilot)}</p>
            <p>${METHOD}</p>
          </footer>
        </main>
      </body>
    </html> `;
  return page.text;
}

/** What the decision is made on, the number itself first. */
function tiles({ report }: Pilot): Html {
  const { benchmark, usableClips, totalGenerations, costPerPublishedClip, totalCost } = report;
  const shown = [
    { name: 'Per usable', value: costText(report), note: benchmark === null ? '' : `today ${moneyText(benchmark.costPerUsableClip)}` },
    { name: 'Usable rate', value: rateText(report), note: benchmark === null ? '' : `bar ${percentText(benchmark.qualityBar.usableRate)}` },
    { name: 'Usable clips', value: String(usableClips), note: `of ${totalGenerations}` },
    { name: 'Per published', value: costPerPublishedClip === null ? NONE : moneyText(costPerPublishedClip), note: '' },
    { name: 'Total', value: moneyText(totalCost), note: '' },
  ];
  return html`<dl class="tiles">
    ${shown.map(
      ({ name, value, note }) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value} <small>${note}</small></dd>
        </div>`,
    )}
  </dl>`;
}

function stepsSection({ report }: Pilot): Html {
  if (report.nextSteps.length === 0) return NOTHING;
  return html`<h2>What to fix next</h2>
    <ul>
      ${report.nextSteps.map((step) => html`<li>${step}</li>`)}
    </ul>`;
}

function figureTable(rows: readonly FigureRow[]): Html {
  const lines = rows.map(
    ({ name, value, note }) =>
      html`<tr>
        <td>${name}</td>
        <td><strong>${value}</strong></td>
        <td class="note">${note}</td>
      </tr> `,
  );
  return html`<div class="scroll">
    <table>
      <tbody>
        ${lines}
      </tbody>
    </table>
  </div>`;
}

function rateSection(pilot: Pilot): Html {
  if (pilot.byPromptVersion.length === 0) return NOTHING;
  const bar = pilot.report.benchmark === null ? '' : ' The dashed line is the quality bar.';
  return html`<h2>Usable rate by prompt version</h2>
    <figure>${usableRateChart(pilot)}</figure>
    <p class="more">Whiskers are 95% intervals: where they overlap, the versions are not yet told apart.${bar}</p>`;
}

function reasonsSection(pilot: Pilot): Html {
  const { reasons, models } = pilot;
  if (reasons.length === 0) return NOTHING;
  const named = models.length > COLOURS_MAX ? [...models.slice(0, COLOURS_MAX - 1), 'other models'] : models;
  const key = named.map((model, index) => html`<li><i class="c${colourOf(index)}"></i>${keyText(model)}</li>`);
  const rows = reasons.map(({ reason, count, byModel }) => [reason.replaceAll('_', ' '), ...byModel.map(String), String(count)]);
  return html`<h2>Why clips were turned down</h2>
    <ul class="key">
      ${key}
    </ul>
    <figure>${reasonsChart(pilot)}</figure>
    ${table(['Reason', ...models.map(keyText), 'All'], rows)}`;
}

function sliceSection({ title, head, groups, hidden }: Slice): Html {
  const rows = groups.map((group) => [keyText(group.key), ...sliceCells(group)]);
  const more = hidden === 0 ? NOTHING : html`<p class="more">… and ${hidden} more.</p>`;
  return html`<h2>${title}</h2>
    ${table([head, ...SLICE_HEAD], rows)}${more}`;
}

function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): Html {
  const line = (cells: readonly string[]): Html =>
    html`<tr>
      ${cells.map((cell) => html`<td>${cell}</td>`)}
    </tr> `;
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${head.map((cell) => html`<th scope="col">${cell}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(line)}
      </tbody>
    </table>
  </div>`;
}
