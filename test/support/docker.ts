import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cleanup, project } from './node.ts';
import { RunningProcess, runProcess } from './process.ts';

/** Flags of the docker provisioner where a container may have all rights (spec/disks-and-images.md §10.1). */
const PRIVILEGED = ['--privileged', '--security-opt', 'seccomp=unconfined'];

/** What comes nearest on a machine that itself lacks a right. */
const NEARLY_PRIVILEGED = [
  ...['--cap-add', 'ALL', '--cap-drop', 'SYS_RESOURCE'],
  ...['--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined'],
];

const ANONYMOUS_VOLUMES = ['/var/lib/containerd', '/var/lib/kubelet', '/etc/cni', '/run', '/system'];

export interface ContainerOptions {
  /** Also its host name. */
  readonly name: string;
  readonly address: string;
  readonly type: 'controlplane' | 'join';
  /** File with its config; maintenance mode without. */
  readonly config?: string;
}

/** Nodes in containers, started as the real docker provisioner starts them. */
export class DockerCluster {
  readonly name = `talosd-${process.pid}-${randomInt(1_000_000)}`;
  /** The image under test. */
  readonly image = `talosd:${this.name}`;
  readonly #net = `10.${randomInt(100, 250)}.${randomInt(1, 250)}`;
  readonly #env: NodeJS.ProcessEnv;
  #rights: readonly string[] = [];

  /** Finds a Docker daemon, or starts one; builds the image; makes the network. */
  static async create(cleanup: Cleanup): Promise<DockerCluster> {
    const cluster = new DockerCluster(await dockerEnvironment(cleanup));
    const { image, name } = cluster;
    cleanup.add(image, tag => cluster.docker('image', 'rm', '--force', tag));
    const build = await runProcess(process.execPath, [join(project, 'images/container/build.mjs'), image], {
      env: cluster.#env,
      milliseconds: 170_000,
    });
    if (build.code !== 0) throw new Error(`the image could not be built: ${build.stdout}${build.stderr}`);
    const probe = ['run', '--rm', '--network', 'none', '--entrypoint', '/bin/true'];
    const { code } = await runProcess('docker', [...probe, ...PRIVILEGED, image], { env: cluster.#env });
    cluster.#rights = code === 0 ? PRIVILEGED : NEARLY_PRIVILEGED;
    const labels = ['--label', 'talos.owned=true', '--label', `talos.cluster.name=${name}`];
    const mtu = ['--opt', 'com.docker.network.driver.mtu=1500'];
    await cluster.docker('network', 'create', '--subnet', `${cluster.#net}.0/24`, ...mtu, ...labels, name);
    cleanup.add(name, network => cluster.docker('network', 'rm', network));
    return cluster;
  }

  private constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  /** Address of the cluster's network; nodes begin at 2. */
  address(host: number): string {
    return `${this.#net}.${host}`;
  }

  /** Runs a docker command that must succeed; resolves with its standard output. */
  async docker(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runProcess('docker', args, { env: this.#env, milliseconds: 60_000 });
    if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** `docker run` in the foreground: the process prints the node's console and ends with it. */
  async run(cleanup: Cleanup, { name, address, type, config }: ContainerOptions): Promise<RunningProcess> {
    const userData = config === undefined ? [] : ['--env', `USERDATA=${(await readFile(config)).toString('base64')}`];
    const volumes = type === 'controlplane' ? [...ANONYMOUS_VOLUMES, '/var/lib/etcd'] : ANONYMOUS_VOLUMES;
    const labels = ['talos.owned=true', `talos.cluster.name=${this.name}`, `talos.type=${type}`];
    const args = [
      ...['run', '--name', name, '--hostname', name, '--network', this.name, '--ip', address],
      ...['--env', 'PLATFORM=container', ...userData, '--cpus', '2', '--memory', '2048m'],
      ...labels.flatMap(label => ['--label', label]),
      ...volumes.flatMap(volume => ['--volume', volume]),
      ...this.#rights,
      this.image,
    ];
    const started = new RunningProcess('docker', args, { env: this.#env });
    return cleanup.add(started, async container => {
      await this.docker('rm', '--force', '--volumes', name);
      await container.end();
    });
  }
}

/** Environment in which `docker` reaches a daemon: the machine's, or one that is started for this suite. */
async function dockerEnvironment(cleanup: Cleanup): Promise<NodeJS.ProcessEnv> {
  if ((await runProcess('docker', ['info'])).code === 0) return process.env;
  const folder = await cleanup.folder('docker');
  const socket = `unix://${join(folder, 'docker.sock')}`;
  const data = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')];
  const daemon = new RunningProcess('dockerd', [...data, '-p', join(folder, 'pid'), '-H', socket]);
  cleanup.add(daemon, process => process.stop('SIGTERM', 30_000));
  await daemon.waitFor(({ stderr }) => stderr.includes('API listen on'), 60_000);
  return { ...process.env, DOCKER_HOST: socket };
}
