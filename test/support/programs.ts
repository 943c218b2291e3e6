// Which programs of Debian's this machine has; specs that need one skip, with the reason, where it is absent.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export const NO_FFPROBE = 'ffprobe is not installed (apt-get install ffmpeg)';
export const NO_CHROMIUM = 'Chromium is not installed (apt-get install chromium)';
