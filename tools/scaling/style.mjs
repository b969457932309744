/** Contenders that are drawn, each with its colour, the same in all plots. */
export const drawn = {
  'top-2': '#7b8794',
  'top-2 pipelined': '#1f2933',
  'top-2 split': '#a8743f',
  'shared expert': '#59a14f',
  'shared expert split': '#2c6e49',
  'ScMoE-2': '#8e6bb0',
  'ScMoE pos1': '#76b7e0',
  'ScMoE pos2': '#d62839',
  'ScMoE pos3': '#f2a33a',
  FarSkip: '#e377c2',
};

export const colour = {
  field: 'contender',
  type: 'nominal',
  title: null,
  scale: { domain: Object.keys(drawn), range: Object.values(drawn) },
  legend: { orient: 'bottom', symbolType: 'stroke', symbolStrokeWidth: 3, labelFontSize: 12, columnPadding: 8 },
};

export const look = {
  background: '#ffffff',
  padding: 12,
  config: {
    aria: false,
    font: 'DejaVu Sans, Helvetica, Arial, sans-serif',
    axis: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: 'normal', gridColor: '#e4e7eb' },
    header: { labelFontSize: 13, labelFontWeight: 'bold', titleFontSize: 12 },
    title: { fontSize: 15, anchor: 'start', offset: 12 },
    view: { stroke: '#cbd2d9' },
  },
};
