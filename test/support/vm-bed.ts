import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClusterFiles, editYaml, generateCluster } from './cluster.ts';
import { Ctl } from './ctl.ts';
import { TestLan } from './netns.ts';
import { Vm, type VmSocket } from './vm.ts';
import { type VmImage, vmImage } from './vm-image.ts';

export interface BedMachine {
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
  readonly #files: ClusterFiles;
  readonly #machines: Vm[] = [];

  static async create(): Promise<VmBed> {
    const image = await vmImage();
    const folder = await mkdtemp(join(tmpdir(), 'talosd-vm-'));
    const lan = await TestLan.create();
    const files = await generateCluster('talosd', join(folder, 'cluster'), lan.address(2));
    return new VmBed(image, folder, lan, files);
  }

  private constructor(image: VmImage, folder: string, lan: TestLan, files: ClusterFiles) {
    this.lan = lan;
    this.ctl = new Ctl(lan, files.talosconfig);
    this.#image = image;
    this.#folder = folder;
    this.#files = files;
  }

  /** Starts a machine, the first one as station 2, and waits until its API answers on the address of its station. */
  async start({ interfaces, cards = ['lan'], kernelArguments = [] }: BedMachine): Promise<Vm> {
    const station = this.#machines.length + 2;
    const name = `vm${station}`;
    const vm = await Vm.start({
      ...{ name, station, cards, image: this.#image, lan: this.lan, folder: this.#folder },
      address: this.lan.address(station),
      files: { 'config.yaml': await this.config(name, interfaces) },
      kernelArguments: ['talos.config=file:///config.yaml', ...kernelArguments],
    });
    this.#machines.push(vm);
    await vm.waitForApi();
    return vm;
  }

  /** The config of a machine of this cluster with these interfaces. */
  async config(hostname: string, interfaces: readonly object[]): Promise<string> {
    await editYaml(this.#files.controlplane, document => {
      document.setIn(['machine', 'install', 'disk'], '/dev/vda');
      document.setIn(['machine', 'network'], { hostname, interfaces });
    });
    return readFile(this.#files.controlplane, 'utf8');
  }

  /** Ends everything. */
  async remove(): Promise<void> {
    await Promise.all([this.ctl.stop(), ...this.#machines.map(vm => vm.stop())]);
    await this.lan.remove();
    await rm(this.#folder, { recursive: true });
  }
}
