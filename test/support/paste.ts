// Runs what a document tells its reader to paste into bash; used by the tests of the documents.
import { spawn } from 'node:child_process';
import { ADMIN_KEY } from './server-process.js';

export interface Pasted {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Stops at the first command that fails, as a careful reader would. */
export function paste(script: string, cwd?: string): Promise<Pasted> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-e', '-c', script], { cwd, env: { ...process.env, ROLLCREDITS_API_KEY: ADMIN_KEY } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
