// Writes docs/configuration.md from the declared settings; its spec keeps the committed file equal to this.
import './env.dto.js';
import { settings } from './setting.js';

export function configurationDocument(): string {
  const rows = settings().map((setting) => {
    const fallback = setting.fallback === null ? '' : `\`${setting.fallback}\``;
    const meaning = setting.secret ? `${setting.meaning} Secret: shown in no message and no log.` : setting.meaning;
    return `| \`${setting.name}\` | ${fallback} | ${capitalised(setting.allowed)} | ${meaning} |`;
  });
  return [
    '# Configuration',
    '',
    '<!-- Made from libs/platform/src/config/env.dto.ts; `npm run docs` writes it anew. -->',
    '',
    'The environment is read once, when a process starts, and validated as a whole: a bad value is named in one sentence, with what is',
    'allowed, and the process exits with code 1. An empty variable counts as absent. Several processes of one deployment must be given the',
    'same policies and limits.',
    '',
    '| Variable | Default | Allowed | Meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
