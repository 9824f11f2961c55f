import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LineCalls } from './line-calls.ts';
import type { TestLan } from './netns.ts';
import { type ProcessResult, RunningProcess } from './process.ts';
import { testInitramfs, type VmImage } from './vm-image.ts';

/**
 * Where a machine's network card is plugged in: the bridge of the test's network, or one end of a cable to another card,
 * named by two socket paths of which the other end has them the other way round.
 */
export type VmSocket = 'lan' | { readonly here: string; readonly there: string };

export interface VmOptions {
  readonly name: string;
  readonly image: VmImage;
  readonly lan: TestLan;
  /** Where its sockets and its initramfs lie; exists. */
  readonly folder: string;
  /** Its cards in order: eth0, eth1, … */
  readonly cards: readonly VmSocket[];
  /** Where its API answers, once its network is up. */
  readonly address: string;
  /** The last byte of every card's hardware address is the card's number, the one before it this. */
  readonly station: number;
  /** Files in its root, text by path. */
  readonly files: Readonly<Record<string, string>>;
  /** Further words of the kernel command line. */
  readonly kernelArguments: readonly string[];
}

/** An answer takes up to this long on its way, on a busy host. */
const ANSWER_MILLISECONDS = 30_000;
/** How much of the console a failure shows. */
const SHOWN_LINES = 40;

/** An emulated machine that runs the image of this checkout. */
export class Vm {
  readonly name: string;
  readonly address: string;
  readonly #qemu: RunningProcess;
  readonly #commandSocket: string;
  #commands: Promise<{ socket: Socket; calls: LineCalls<{ code: number; output: string }> }> | undefined;

  /** Starts it; resolves at once. */
  static async start(options: VmOptions): Promise<Vm> {
    const initramfs = join(options.folder, `${options.name}.cpio`);
    await testInitramfs(options.image, options.files, initramfs);
    const commandSocket = join(options.folder, `${options.name}.commands`);
    const args = await qemuArguments(options, initramfs, commandSocket);
    return new Vm(options, args, commandSocket);
  }

  private constructor({ name, address, lan }: VmOptions, args: readonly string[], commandSocket: string) {
    this.name = name;
    this.address = address;
    this.#commandSocket = commandSocket;
    const [program, ...words] = lan.command('qemu-system-x86_64', ...args);
    this.#qemu = new RunningProcess(program, words);
  }

  /** Everything that the machine has written on its console. */
  get console(): string {
    return this.#qemu.stdout;
  }

  /** Its last lines, for the report of a failure. */
  get lastLines(): string {
    return `last lines of ${this.name}:\n${`${this.console}${this.#qemu.stderr}`.split('\n').slice(-SHOWN_LINES).join('\n')}`;
  }

  /** Runs a script as root in the machine, past the agent; resolves with its output, both streams. It must succeed. */
  async run(script: string, milliseconds = 60_000): Promise<string> {
    this.#commands ??= this.#connect();
    const { calls } = await this.#commands;
    const seconds = Math.ceil(milliseconds / 1000);
    const compose = (number: number) => `${number} ${seconds} ${Buffer.from(script).toString('base64')}`;
    const { code, output } = await calls.call(compose, `${this.name}: ${script}`, milliseconds + ANSWER_MILLISECONDS);
    if (code !== 0) throw new Error(`${this.name}: ${script} ended with ${code}: ${output}`);
    return output;
  }

  /** Resolves when the machine has ended by itself. */
  end(milliseconds = 60_000): Promise<ProcessResult> {
    return this.#qemu.end(milliseconds);
  }

  /** Cuts its power. */
  async stop(): Promise<void> {
    (await this.#commands?.catch(() => undefined))?.socket.destroy();
    await this.#qemu.stop('SIGKILL');
  }

  async #connect() {
    const socket = await connect(this.#commandSocket);
    const calls = new LineCalls<{ code: number; output: string }>(
      line => socket.write(line),
      line => {
        const [number = '', code = '', text = ''] = line.split(' ');
        if (!/^\d+$/.test(number)) return undefined;
        return {
          number: Number(number),
          answer: { code: Number(code), output: Buffer.from(text, 'base64').toString() },
        };
      },
    );
    socket.setEncoding('utf8').on('data', (text: string) => calls.receive(text));
    socket.once('close', () => calls.end(`${this.name} has ended`));
    return { socket, calls };
  }
}

/** QEMU makes its sockets while it starts. */
async function connect(path: string): Promise<Socket> {
  for (let tries = 1; ; tries++) {
    const socket = createConnection(path);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (tries === 100) throw error;
      await sleep(100);
    }
  }
}

async function qemuArguments(options: VmOptions, initramfs: string, commandSocket: string): Promise<string[]> {
  const { image, lan, cards, station, kernelArguments } = options;
  const line = ['console=ttyS0', 'quiet', 'panic=-1', 'mitigations=off', 'talos.platform=metal', ...kernelArguments];
  const args = ['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '1024', '-no-reboot'];
  args.push('-display', 'none', '-serial', 'stdio', '-monitor', 'none');
  // Unlike a serial port this one makes the sender wait for a busy machine.
  args.push('-chardev', `socket,id=commands,path=${commandSocket},server=on,wait=off`);
  args.push('-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=commands,name=commands');
  args.push('-kernel', image.kernel, '-initrd', initramfs, '-append', line.join(' '));
  args.push('-drive', `file=${image.rootfs},format=raw,if=none,id=rootfs,readonly=on`);
  args.push('-device', 'virtio-blk-pci,drive=rootfs,serial=rootfs', '-nic', 'none');
  for (const [index, socket] of cards.entries()) {
    args.push(
      '-netdev',
      socket === 'lan' ? `tap,id=n${index},ifname=${await lan.plug()},script=no,downscript=no` : cable(index, socket),
    );
    // Without a speed the ports of one bond would end up in aggregators of their own.
    args.push(
      '-device',
      `virtio-net-pci,netdev=n${index},mac=${hardwareAddress(station, index)},speed=1000,duplex=full`,
    );
  }
  return args;
}

const cable = (index: number, { here, there }: { here: string; there: string }) =>
  `dgram,id=n${index},local.type=unix,local.path=${here},remote.type=unix,remote.path=${there}`;

/** The hardware address of a machine's card, by its station and the number of the card. */
export const hardwareAddress = (...bytes: [station: number, card: number]): string =>
  ['52:54:00:00', ...bytes.map(byte => byte.toString(16).padStart(2, '0'))].join(':');
