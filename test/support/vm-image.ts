import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { project } from './node.ts';
import { runProcess } from './process.ts';

/** What a virtual machine boots: paths of what images/vm/build.mjs made. */
export interface VmImage {
  readonly kernel: string;
  readonly initramfs: string;
  readonly rootfs: string;
}

/** The image of this checkout; made at once or, the first time, in two minutes. */
export async function vmImage(): Promise<VmImage> {
  const build = [join(project, 'images', 'vm', 'build.mjs')];
  const { code, stdout, stderr } = await runProcess(process.execPath, build, { milliseconds: 900_000 });
  if (code !== 0) throw new Error(`the machine image could not be made: ${stdout}${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as VmImage;
}

/**
 * Writes an initramfs for one machine: the image's own, over it the test's init with its command channel, and the files
 * (text by path) that the machine finds in its root.
 */
export async function testInitramfs(
  image: VmImage,
  files: Readonly<Record<string, string>>,
  target: string,
): Promise<void> {
  const folder = await mkdtemp(`${target}-`);
  try {
    await cp(join(project, 'test', 'support', 'vm-initramfs'), folder, { recursive: true });
    await mkdir(join(folder, 'seed'));
    for (const [path, text] of Object.entries(files)) {
      const file = join(folder, 'seed', path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text, { mode: 0o600 });
    }
    await pipeline(createReadStream(image.initramfs), createWriteStream(target));
    const cpio = spawn('cpio', ['-o', '-H', 'newc', '--quiet'], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(cpio, 'close');
    cpio.stdin.end((await readdir(folder, { recursive: true })).sort().join('\n'));
    await pipeline(cpio.stdout, createWriteStream(target, { flags: 'a' }));
    const [code] = await ended;
    if (code !== 0) throw new Error(`cpio ended with ${code}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}
