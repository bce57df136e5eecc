import { TOKENS } from "../http/html_page.ts";

/** The stylesheet of the page, light and dark, for small and large screens. */
export const MONITOR_STYLE: string = `:root {
${TOKENS}
  --made: light-dark(#1a7f4b, #4ac984); --idle: light-dark(#64748b, #8b9bb0);
  --logout: light-dark(#2563eb, #6aa5ff); --absolute: light-dark(#8b3fd1, #c08aff);
  --evicted: light-dark(#b45309, #f0b04a); --revoked: light-dark(#d02c2c, #ff7b72);
  --shutdown: light-dark(#334155, #cfd6df);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace;
  font: .875rem/1.45 system-ui, sans-serif;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); }
h1, h2, p, ul, dl, dd { margin: 0; padding: 0; }
h1 { font-size: 1.25rem; letter-spacing: -0.01em; overflow-wrap: anywhere; min-width: 0; }
h2 { font-size: .875rem; overflow-wrap: anywhere; }
a { color: var(--accent); }
code { font: .8125rem var(--mono); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }

header, main { max-width: 1320px; margin: 0 auto; padding: 0 20px; }
header { display: flex; align-items: center; justify-content: space-between; gap: 12px; padding-block: 18px 14px; }
main { display: grid; grid-template-columns: minmax(0, 1fr) 440px; gap: 16px; align-items: start; padding-bottom: 32px; }
main.alone { grid-template-columns: minmax(0, 520px); }
.side { display: grid; gap: 16px; }
section, .counts > div { background: var(--sheet); border: 1px solid var(--line); border-radius: 10px; }
section { padding: 14px 16px 16px; min-width: 0; }
section > h2 { margin-bottom: 10px; }
.scope { grid-column: 1 / -1; color: var(--quiet); }
.notice { grid-column: 1 / -1; overflow-wrap: anywhere; padding: 10px 16px; border: 1px solid var(--made); border-radius: 10px; background: var(--sheet); }

.live { display: flex; align-items: center; gap: 7px; color: var(--quiet); font-size: .8125rem; }
.live::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--idle); }
.live.on::before { background: var(--made); }
.live.off::before { background: var(--evicted); }
.live { flex: none; max-width: 60%; }
.live::before { flex: none; forced-color-adjust: none; }
/* What is shown may be out of date: it is grey, and its times stand still. */
.stale { --text: var(--quiet); --accent: var(--quiet); color: var(--quiet); filter: grayscale(1); }

.counts { grid-column: 1 / -1; display: grid; grid-template-columns: repeat(4, 1fr); gap: 16px; }
.counts > div { padding: 12px 16px; }
.counts dt { color: var(--quiet); font-size: .8125rem; }
.counts dd { font-size: 1.625rem; font-weight: 600; letter-spacing: -0.02em; line-height: 1.25; font-variant-numeric: tabular-nums; }

.fleet { grid-column: 1 / -1; }
.fleet .counts > div { background: var(--page); }
.away { color: var(--evicted); margin-bottom: 10px; }
.processes { font-size: .8125rem; }
.processes th, .processes td { padding: 5px 4px; }
.processes th:first-child { padding-left: 0; }
.processes td:last-child, .processes thead th:last-child { padding-right: 0; }
.processes tbody th { white-space: normal; overflow-wrap: anywhere; }
.processes i { color: var(--quiet); }
.silent .seen { color: var(--evicted); font-weight: 600; }

.head { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 8px 16px; margin-bottom: 10px; }
form[role=search] { display: flex; gap: 8px; align-items: center; }
form[role=search] label { color: var(--quiet); }
input[type=search] { width: 212px; min-width: 0; }
input[type=search], button, .button { font: inherit; color: inherit; background: var(--sheet); border: 1px solid var(--line); border-radius: 7px; padding: 5px 11px; }
input[type=search] { background: var(--page); border-color: var(--edge); }
input::placeholder { color: var(--quiet); opacity: 1; }
button, .button { cursor: pointer; text-decoration: none; background: var(--faint); }
button:hover, .button:hover { border-color: var(--edge); }
button.danger { background: #b91c1c; border-color: #b91c1c; color: #fff; font-weight: 600; }
button.danger:hover { background: #991616; }

table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 400; }
thead th { color: var(--quiet); font-size: .75rem; padding: 6px 8px; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead a { color: inherit; }
thead [aria-sort] a { color: var(--text); font-weight: 600; }
thead [aria-sort=ascending] a::after { content: " \\2191"; }
thead [aria-sort=descending] a::after { content: " \\2193"; }
tbody th, tbody td { padding: 7px 8px; border-bottom: 1px solid var(--faint); white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
th:first-child { padding-left: 0; }
td:last-child, thead th:last-child { padding-right: 0; text-align: right; }
#sessions { table-layout: fixed; }
#sessions .uid { width: 92px; }
#sessions .age { width: 90px; }
#sessions .requests { width: 84px; }
#sessions .left { width: 27%; }
#sessions .act { width: 52px; }
#sessions tbody > tr > * { vertical-align: baseline; }
#sessions .requests { text-align: right; }
#sessions tbody tr:hover { background: linear-gradient(var(--faint), var(--faint)); }
.who { overflow: hidden; text-overflow: ellipsis; }
.who i, .requests i { color: var(--quiet); }
.who a { color: inherit; text-decoration-color: var(--edge); text-underline-offset: 2px; }
.who a:hover { text-decoration-color: currentColor; }
/* A long principal takes two lines, and all that it needs while it has the focus. */
#sessions td.who { white-space: normal; overflow-wrap: anywhere; }
#sessions td.who > :is(a, bdi) { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
#sessions td.who > :is(:focus, :active) { -webkit-line-clamp: none; }
.left { display: table-cell; }
.left span { display: inline-block; width: 98px; }
.left .bar { width: calc(100% - 102px); }
.bar { display: inline-block; vertical-align: middle; width: 100%; height: 6px; border-radius: 3px; background: var(--faint); }
.bar rect { fill: var(--logout); transition: width 1s linear; }
.low .bar rect { fill: var(--evicted); }
.low .left span { color: var(--evicted); }
.over :is(code, td) { color: var(--quiet); }
.over code, .over .who { text-decoration: line-through; }
.end { display: inline-block; padding: 2px 4px; margin: -2px -4px; color: var(--danger); }
.subject { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; margin-bottom: 10px; color: var(--quiet); }
.subject .button { color: var(--danger); margin-left: auto; }
.orders { display: none; flex-wrap: wrap; gap: 4px 14px; margin-bottom: 8px; }
.orders a { padding: 4px 0; }
.orders [aria-current] { color: var(--text); font-weight: 600; text-decoration: none; }
.none { color: var(--quiet); }
table:has(.nothing:only-child) thead, .orders:has(+ table .nothing:only-child) { display: none; }
.nothing td { color: var(--quiet); text-align: left; padding: 18px 0; white-space: normal; }
.paging { display: flex; justify-content: center; gap: 16px; padding-top: 12px; color: var(--quiet); }

.chart { display: flex; gap: 8px; }
.scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right; line-height: 1; }
.minutes { display: block; flex: 1; min-width: 0; height: 144px; }
.minutes .whole { fill: transparent; }
.minutes g:hover .whole { fill: var(--faint); }
.line { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.axis { stroke: var(--idle); stroke-width: 1; vector-effect: non-scaling-stroke; }
.times { display: flex; justify-content: space-between; margin-top: 6px; }
.scale, .times { color: var(--quiet); font-size: .75rem; font-variant-numeric: tabular-nums; }
.legend { display: flex; flex-wrap: wrap; gap: 3px 14px; list-style: none; font-size: .8125rem; margin-top: 10px; }
.legend li::before, .reason::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 6px; background: var(--kind); forced-color-adjust: none; }
.legend b { font-weight: 600; font-variant-numeric: tabular-nums; }
.made { --kind: var(--made); } .idle { --kind: var(--idle); } .logout { --kind: var(--logout); }
.absolute { --kind: var(--absolute); } .evicted { --kind: var(--evicted); }
.revoked { --kind: var(--revoked); } .shutdown { --kind: var(--shutdown); }
.lost { --kind: var(--shutdown); }
.minutes rect { fill: var(--kind, transparent); }

.ends { font-size: .8125rem; }
.ends th, .ends td { padding: 5px 4px; }
.ends th:first-child { padding-left: 0; }
.ends td:last-child, .ends thead th:last-child { padding-right: 0; }
.ends tbody th { width: 100%; max-width: 0; overflow: hidden; text-overflow: ellipsis; }
.ends tbody th .who { margin-left: 8px; color: var(--quiet); }
.ends tbody tr:nth-child(n + 13) { display: none; }
.ends tbody tr:nth-child(12) > * { border-bottom: 0; }
.spread { font-size: .8125rem; }
.spread tbody th, .spread td { border: 0; padding: 2px 0; }
.spread tbody th { width: 92px; color: var(--quiet); }
.spread .number { width: 76px; }

.facts { display: grid; grid-template-columns: auto 1fr; gap: 4px 16px; margin-bottom: 12px; overflow-wrap: anywhere; }
.facts dt { color: var(--quiet); }
.buttons { display: flex; justify-content: flex-end; gap: 10px; margin-top: 18px; }
dialog { width: min(440px, calc(100vw - 32px)); color: inherit; background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; padding: 20px; }
dialog::backdrop { background: #0008; }
dialog h2 { font-size: 1.0625rem; margin-bottom: 8px; }
dialog p { overflow-wrap: anywhere; }

@media (max-width: 1140px) {
  main { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 680px) {
  #sessions:not(.by-newest, .by-oldest) .age { display: none; }
  .orders { display: flex; }
}
@media (max-width: 560px) {
  header, main { padding-inline: 12px; }
  .counts { grid-template-columns: 1fr 1fr; gap: 10px; }
  .counts > div { padding: 9px 12px; }
  .counts dd { font-size: 1.375rem; }
  main { gap: 10px; }
  .side { gap: 10px; }
  .ends tbody tr:nth-child(n + 6) { display: none; }
  section { padding: 12px; }
  form[role=search] { flex: 1 1 100%; }
  form[role=search] label { position: absolute; clip-path: inset(50%); }
  input[type=search] { flex: 1; width: 0; font-size: 1rem; }
  .ends .lasted { display: none; }
  #sessions[class] .age, #sessions:not(.by-busiest) .requests, #sessions.by-busiest .left { display: none; }
  #sessions .uid { width: 68px; }
  #sessions .requests { width: 82px; }
  #sessions .left { width: 92px; }
  #sessions .act { width: 38px; }
  .orders a { padding: 8px 0; }
  #sessions :is(th, td) { padding-inline: 5px; }
  #sessions :is(th, td):first-child { padding-left: 0; }
  #sessions :is(th, td):last-child { padding-right: 0; }
  #sessions td { padding-block: 9px; }
  .left span { display: block; width: auto; line-height: 1.3; }
  .left .bar { width: 100%; }
  .end { padding: 8px; margin: -8px; }
}
@media (max-width: 374px) {
  input[type=search], form[role=search] button { padding-inline: 7px; }
  #sessions .requests { width: 72px; }
  #sessions .left { width: 72px; }
  .left span { white-space: normal; }
  #sessions thead th { font-size: .6875rem; overflow: hidden; text-overflow: ellipsis; }
}
@media (prefers-reduced-motion: reduce) {
  .bar rect { transition: none; }
}
`;

/** The icon of the page: three bars, each shorter than the one before. */
export const MONITOR_ICON: string =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1d57c4"/><g fill="#fff"><rect x="6" y="7" width="20" height="4" rx="2"/><rect x="6" y="14" width="13" height="4" rx="2"/><rect x="6" y="21" width="6" height="4" rx="2"/></g></svg>
`;
