import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { generateCluster } from './cluster.ts';
import { Ctl } from './ctl.ts';
import { TestLan } from './netns.ts';
import { until } from './until.ts';
import { Vm, type VmSocket } from './vm.ts';
import { type VmImage, vmImage } from './vm-image.ts';

/** A machine answers after six to twenty seconds, on a busy host after sixty. */
const BOOT_PATIENCE = 300_000;

export interface BedMachine {
  /** Its number on the test's network: 2 and up. */
  readonly station: number;
  /** Further files in its root, text by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** `machine.network.interfaces`. */
  readonly interfaces: readonly object[];
  /** Its cards; one on the test's network without it. */
  readonly cards?: readonly VmSocket[];
  /** Further words of the kernel command line. */
  readonly kernelArguments?: readonly string[];
}

/** Machines of one cluster on one network of the test's own, and a client on the same network. */
export class VmBed {
  readonly lan: TestLan;
  readonly ctl: Ctl;
  readonly #image: VmImage;
  readonly #folder: string;
  /** A config of the cluster, as `gen config` wrote it. */
  readonly #template: string;
  readonly #machines: Vm[] = [];

  static async create(): Promise<VmBed> {
    const image = await vmImage();
    const folder = await mkdtemp(join(tmpdir(), 'talosd-vm-'));
    const lan = await TestLan.create();
    const { controlplane, talosconfig } = await generateCluster('talosd', join(folder, 'cluster'), lan.address(2));
    return new VmBed(image, folder, lan, await readFile(controlplane, 'utf8'), new Ctl(lan, talosconfig));
  }

  private constructor(image: VmImage, folder: string, lan: TestLan, template: string, ctl: Ctl) {
    this.lan = lan;
    this.ctl = ctl;
    this.#image = image;
    this.#folder = folder;
    this.#template = template;
  }

  /** Starts a machine and waits until its API answers at the address of its station. */
  async start({ station, interfaces, files = {}, cards = ['lan'], kernelArguments = [] }: BedMachine): Promise<Vm> {
    const name = `vm${station}`;
    const vm = await Vm.start({
      ...{ name, station, cards, image: this.#image, lan: this.lan, folder: this.#folder },
      address: this.lan.address(station),
      files: { 'config.yaml': this.config({ hostname: name, interfaces }), ...files },
      kernelArguments: ['talos.config=file:///config.yaml', ...kernelArguments],
    });
    this.#machines.push(vm);
    const answers = async () => (await this.ctl.run(vm.address, 'version')).code === 0;
    await until(answers, isThere => isThere, BOOT_PATIENCE).catch(error => {
      throw new Error(`the API does not answer; ${vm.lastLines}`, { cause: error });
    });
    return vm;
  }

  /** The config of a machine of this cluster with this `machine.network`. */
  config(network: object): string {
    const document = parseDocument(this.#template);
    document.setIn(['machine', 'install', 'disk'], '/dev/vda');
    document.setIn(['machine', 'network'], network);
    return document.toString();
  }

  /** Gives a machine another `machine.network` while it runs. */
  async apply(vm: Vm, network: object): Promise<void> {
    const file = join(this.#folder, `${vm.name}.yaml`);
    await writeFile(file, this.config({ hostname: vm.name, ...network }));
    await this.ctl.output(vm.address, 'apply-config', '--immediate', '--no-rollback', '-f', file);
  }

  /** A path in the folder of this bed, for a socket. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Ends everything. */
  async remove(): Promise<void> {
    await Promise.all([this.ctl.stop(), ...this.#machines.map(vm => vm.stop())]);
    await this.lan.remove();
    await rm(this.#folder, { recursive: true });
  }
}
