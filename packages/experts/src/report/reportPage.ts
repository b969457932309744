import type { ExpertReport, ReportedExpert, ReportedLayer } from './ExpertReport.js';
import { escapeHtml, heatTable, visibleToken } from './html.js';

const style = `
body { font: 14px/1.45 system-ui, sans-serif; color: #1f2933; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; border-bottom: 1px solid #cbd2d9; }
p.about { color: #52606d; margin-top: 0; overflow-wrap: anywhere; } p.note { color: #52606d; font-size: 13px; }
table { border-collapse: collapse; } .wide { overflow-x: auto; }
table.numbers td, table.numbers th { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #e4e7eb; white-space: nowrap; }
table.numbers th { font-weight: 600; } table.numbers td.words, table.numbers th.words { text-align: left; white-space: normal; }
.bar { position: relative; width: 180px; height: 14px; background: #f0f2f4; }
.bar i { position: absolute; inset: 0 auto 0 0; background: #2f6f9f; } .bar b { position: absolute; top: -2px; bottom: -2px; width: 2px; background: #d62839; }
tr.dead td { color: #b3261e; } tr.zero td { color: #7b8794; }
code { background: #f0f2f4; border-radius: 3px; padding: 0 .3em; margin-right: .15em; white-space: pre; }
.pair { display: flex; flex-wrap: wrap; gap: 2rem; margin-top: 1rem; } figure { margin: 0; } figcaption { font-weight: 600; margin-bottom: .3rem; max-width: 30em; }
table.heat td { width: 28px; height: 24px; text-align: center; font-size: 11px; border: 1px solid #e4e7eb; } table.heat td.own { background: #f0f2f4; }
table.heat th { font-weight: normal; font-size: 11px; color: #52606d; padding: 0 .4em; }
`;

/** A report as a page of its own: one file that needs no other, and no script. */
export function reportPage(report: ExpertReport): string {
  const { model, text, tokens, layers } = report;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Experts of ${escapeHtml(model)}</title><style>${style}</style></head><body>
<h1>Experts</h1>
<p class="about">${escapeHtml(model)}, over ${tokens.toLocaleString('en')} tokens of ${escapeHtml(text)}</p>
${summary(layers)}
${layers.map(layerSection).join('\n')}
</body></html>
`;
}

function summary(layers: readonly ReportedLayer[]): string {
  const head =
    '<tr><th class="words">layer</th><th>experts</th><th>per token</th><th>fullest</th><th>dead</th><th>dropped</th>' +
    '<th>entropy of load</th><th>entropy of scores</th><th>most alike</th></tr>';
  const rows = layers.map((layer) => {
    const cells = [
      String(layer.experts.filter(({ isZero }) => !isZero).length),
      String(layer.topK),
      `${layer.worstLoad.toFixed(2)}x`,
      String(layer.experts.filter(({ isDead }) => isDead).length),
      percent(layer.dropped),
      layer.loadEntropy.toFixed(3),
      layer.scoreEntropy.toFixed(3),
      mostAlike(layer.similarity),
    ];
    return `<tr><td class="words">${escapeHtml(layer.layer)}</td>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  return `<div class="wide"><table class="numbers">${head}${rows.join('')}</table></div>
<p class="note">Fullest: the load of the fullest expert against an even one. Entropies are shares of the largest there could be: a load of
1 is even, scores of 1 are indifferent. Dead experts have less than a hundredth of an even load.</p>`;
}

function layerSection(layer: ReportedLayer): string {
  const names = layer.experts.map(({ id, isZero }) => (isZero ? `z${id}` : String(id)));
  const most = Math.max(2, layer.worstLoad);
  const head =
    '<tr><th>expert</th><th class="words">load, and an even one</th><th></th><th>dropped</th><th>weight</th><th>output norm</th>' +
    '<th class="words">tokens that go there more than elsewhere</th></tr>';
  const rows = layer.experts.map((expert, i) => expertRow(expert, names[i]!, most));
  const pictures = [
    ...(layer.topK > 1
      ? [
          heatTable(layer.coChoices, {
            title: 'Chosen together: of the tokens of the row, how many also chose the column, in percent',
            names,
            most: Math.max(...layer.coChoices.flat(), 1e-9),
          }),
        ]
      : []),
    heatTable(layer.similarity, {
      title: 'Likeness of weights: linear CKA, in percent; unrelated experts are around 0',
      names: names.slice(0, layer.similarity.length),
      most: 1,
    }),
  ];
  return `<h2>${escapeHtml(layer.layer)}</h2>
<div class="wide"><table class="numbers">${head}${rows.join('')}</table></div>
<div class="pair">${pictures.join('')}</div>`;
}

function expertRow(
  { isDead, isZero, share, dropped, weight, norm, tokens }: ReportedExpert,
  name: string,
  most: number,
): string {
  const width = (value: number) => `${((100 * value) / most).toFixed(2)}%`;
  const bar = `<div class="bar"><i style="width:${width(share)}"></i><b style="left:${width(1)}"></b></div>`;
  const special = tokens.map(
    ({ text, count, lift }) =>
      `<code title="${count} times, ${lift.toFixed(1)} times its share">${visibleToken(text)}</code>`,
  );
  const cells = [
    `<td>${name}</td><td class="words">${bar}</td><td>${share.toFixed(2)}x</td>`,
    ...[isZero ? '' : percent(dropped), isZero ? '' : weight.toFixed(3), isZero ? '' : norm.toPrecision(3)].map(
      (text) => `<td>${text}</td>`,
    ),
    `<td class="words">${special.join(' ')}</td>`,
  ];
  return `<tr${isDead ? ' class="dead"' : isZero ? ' class="zero"' : ''}>${cells.join('')}</tr>`;
}

function mostAlike(similarity: readonly (readonly number[])[]): string {
  let best = { value: -Infinity, pair: '' };
  similarity.forEach((row, i) =>
    row.slice(0, i).forEach((value, j) => {
      if (value > best.value) best = { value, pair: `${j} and ${i}` };
    }),
  );
  return best.pair === '' ? '' : `${best.pair}: ${percent(best.value)}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
