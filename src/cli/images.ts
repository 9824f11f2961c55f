import { defaultImages } from '../config/images.ts';
import type { Command } from './command.ts';

/** `images`: the default images, one a line (spec/machine-config.md §4.11). */
export const imagesCommand: Command = {
  args: '',
  help: 'Lists the images that a node uses where its config names no others.',
  options: [],
  run: async (_args, _options, io) => {
    io.stdout.write(`${defaultImages(process.arch).join('\n')}\n`);
    return 0;
  },
};
