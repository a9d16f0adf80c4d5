// The hosts that the pages talk about, each with a network, a home, an /etc and a /var of its own: a server on the
// internet, two private networks, and a laptop in a café. Runs inside namespaces (pages.test.ts), and is gone with them.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BIN } from '../support/cli.ts';
import { Program, run } from '../support/programs.ts';

const APP = path.join(import.meta.dirname, 'app.ts');
const SYSTEMCTL = path.join(import.meta.dirname, 'systemctl.sh');
const HOSTS = ['vps', 'nas', 'office', 'you'] as const;
type Host = (typeof HOSTS)[number] | 'lan';

/** The network behind `nas`: a router, a printer and a small computer, which are one machine here. */
const LAN = { router: '192.168.1.1', nas: '192.168.1.10', printer: '192.168.1.20', pi: '192.168.1.30' } as const;
const VPS = '10.0.1.2';

/** What the laptop calls the hosts that it reaches by ssh. */
const SSH_NAMES: Readonly<Record<string, string>> = { lan: 'pi.nas.depot', vps: 'vps.example' };

const POLL_MS = 20;

const must = (command: string, ...args: readonly string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
const ip = (words: string): string => must('ip', ...words.split(' '));

export class World {
  readonly #directory: string;
  readonly #holders = new Map<string, ChildProcess>();
  readonly #programs: Program[] = [];

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** A world in this directory, which is covered by an empty file system of its own. */
  static async create(directory: string): Promise<World> {
    must('mount', '-t', 'tmpfs', 'tmpfs', directory);
    const world = new World(directory);
    world.#writePrograms();
    ip('link set lo up');
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    for (const [index, name] of HOSTS.entries()) {
      await world.#addHost(name);
      world.#connect(name, `10.0.${index + 1}`);
    }
    await world.#addHost('lan');
    world.#connectLan();
    return world;
  }

  /** A command as its host runs it. */
  command(host: string, ...command: readonly string[]): [program: string, ...args: string[]] {
    const holder = this.#holders.get(host);
    if (holder === undefined) throw new Error(`there is no host ${host}`);
    const home = this.home(host);
    const environment = [`HOME=${home}`, 'USER=root', 'LOGNAME=root', `PATH=${this.#bin}:${process.env['PATH']}`];
    const cache = `NODE_COMPILE_CACHE=${path.join(import.meta.dirname, '../../node_modules/.cache/depot-tests')}`;
    const into = ['-t', `${holder.pid}`, '--net', '--mount', `--wd=${home}`];
    // git writes its global configuration where this points, as root even in place of /dev/null.
    const without = ['-u', 'GIT_CONFIG_GLOBAL', '-u', 'GIT_CONFIG_NOSYSTEM'];
    return ['nsenter', ...into, 'env', ...without, ...environment, cache, ...command];
  }

  /** Starts something that goes on until the world ends. */
  start(host: string, ...command: readonly string[]): Program {
    const [program, ...args] = this.command(host, ...command);
    const started = new Program(program, args);
    this.#programs.push(started);
    return started;
  }

  /** Starts something that goes on, and returns when one more port listens on that host. */
  async startListening(host: string, ...command: readonly string[]): Promise<void> {
    const before = await this.#listening(host);
    const program = this.start(host, ...command);
    while ((await this.#listening(host)) <= before) {
      if (program.child.exitCode !== null) throw new Error(`it ended: ${program.stdout}${program.stderr}`);
      await pause(POLL_MS);
    }
  }

  async #listening(host: string): Promise<number> {
    const [ss, ...args] = this.command(host, 'ss', '-Hltn');
    const { stdout } = await run(ss, args);
    return stdout.split('\n').length;
  }

  /** Puts a file there, `~` being the home of that host. */
  async write(host: string, file: string, text: string): Promise<void> {
    const script = 'umask 077; mkdir -p "$(dirname "$1")" && cat > "$1" && case $1 in /etc/*) chmod 644 "$1";; esac';
    const [program, ...args] = this.command(host, 'sh', '-c', script, 'sh', file.replace(/^~/, this.home(host)));
    const { code, stderr } = await run(program, args, { input: text });
    if (code !== 0) throw new Error(`cannot write ${file} on ${host}: ${stderr}`);
  }

  /** An app from `<!-- run with: … -->`. */
  async addApp(app: string): Promise<void> {
    const [kind, host = '', port = ''] = app.split(' ');
    if (kind === 'web') await this.start(host, process.execPath, APP, host, port).says(/listening/);
    else if (kind === 'ssh') await this.#addSshd(host);
    else if (kind === 'dns') await this.#addDns(host);
    else throw new Error(`there is no app ${app}`);
  }

  home(host: string): string {
    return path.join(this.#directory, host, 'home');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program[Symbol.asyncDispose]();
    for (const holder of this.#holders.values()) holder.kill('SIGKILL');
  }

  get #bin(): string {
    return path.join(this.#directory, 'bin');
  }

  /**
   * What a host has installed besides Debian: depot, npx as in a checkout, sudo for somebody who is root, and systemd's
   * small brother.
   */
  #writePrograms(): void {
    mkdirSync(this.#bin);
    const programs = {
      depot: `exec '${process.execPath}' '${BIN}' "$@"`,
      sudo: 'exec "$@"',
      npx: 'exec "$@"',
      systemctl: readFileSync(SYSTEMCTL, 'utf8'),
    };
    for (const [name, script] of Object.entries(programs)) {
      writeFileSync(path.join(this.#bin, name), `#!/bin/sh\n${script}\n`);
      chmodSync(path.join(this.#bin, name), 0o755);
    }
  }

  /** Its namespaces are held by a process that sleeps. */
  async #addHost(name: Host): Promise<void> {
    const at = (part: string): string => path.join(this.#directory, name, part);
    for (const part of ['home', 'etc', 'etc-work', 'var', 'var-work', 'run']) mkdirSync(at(part), { recursive: true });
    chmodSync(at('home'), 0o700);
    const covered = ['etc', 'var'].map(
      (part) =>
        `mount -t overlay overlay -o lowerdir=/${part},upperdir=${at(part)},workdir=${at(`${part}-work`)} /${part}`,
    );
    const script = [
      ...covered,
      `mount --bind ${at('run')} /run`,
      // What is mounted cannot be replaced by a file, whatever a page does as root.
      'mount --bind /dev/null /dev/null',
      'mkdir -p /run/sshd',
      'ip link set lo up',
      // ssh believes /etc/passwd, not $HOME. Written anew, for a file may be a mount of its own.
      `sed 's|:/root:|:${at('home')}:|' /etc/passwd > /run/passwd`,
      'mount --bind /run/passwd /etc/passwd',
      `printf '%s\\n' '127.0.0.1 localhost ${name}' '::1 localhost' '${VPS} vps.example dash.example' > /run/hosts`,
      ...(name === 'nas'
        ? [`printf '%s\\n' '${LAN.printer} printer printer.lan' '${LAN.pi} pi pi.lan' >> /run/hosts`]
        : []),
      'mount --bind /run/hosts /etc/hosts',
      ': > /run/resolv.conf',
      'mount --bind /run/resolv.conf /etc/resolv.conf',
      'echo ready',
      'exec sleep infinity',
    ];
    const holder = spawn('unshare', ['--net', '--mount', 'sh', '-ec', script.join('\n')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once('data', () => resolve());
      holder.once('exit', () => reject(new Error(`there can be no host ${name}`)));
    });
    this.#holders.set(name, holder);
  }

  #connect(name: string, network: string): void {
    const [link, pid] = [`to-${name}`, this.#holders.get(name)?.pid];
    ip(`link add name ${link} type veth peer name eth0 netns ${pid}`);
    ip(`addr add ${network}.1/24 dev ${link}`);
    ip(`link set ${link} up`);
    const inside = (words: string): string => must('nsenter', '-t', `${pid}`, '--net', 'ip', ...words.split(' '));
    inside(`addr add ${network}.2/24 dev eth0`);
    inside('link set eth0 up');
    inside(`route add default via ${network}.1`);
  }

  #connectLan(): void {
    const [nas, lan] = [this.#holders.get('nas')?.pid, this.#holders.get('lan')?.pid];
    ip(`link add name lan0 netns ${nas} type veth peer name lan0 netns ${lan}`);
    const inside = (pid: number | undefined, words: string): string =>
      must('nsenter', '-t', `${pid}`, '--net', 'ip', ...words.split(' '));
    inside(nas, `addr add ${LAN.nas}/24 dev lan0`);
    inside(nas, 'link set lan0 up');
    for (const address of [LAN.router, LAN.printer, LAN.pi]) inside(lan, `addr add ${address}/24 dev lan0`);
    inside(lan, 'link set lan0 up');
  }

  /** Debian's sshd, which knows the laptop's key, and whose key the laptop knows by the names under .depot. */
  async #addSshd(host: string): Promise<void> {
    const [keys, mine] = [path.join(this.#directory, host, 'ssh'), path.join(this.home('you'), '.ssh')];
    mkdirSync(keys);
    mkdirSync(mine, { recursive: true, mode: 0o700 });
    must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path.join(keys, 'host'));
    if (!existsSync(path.join(mine, 'id_ed25519')))
      must('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', path.join(mine, 'id_ed25519'));
    cpSync(path.join(mine, 'id_ed25519.pub'), path.join(keys, 'authorized'));
    const names = SSH_NAMES[host] ?? `${host}.depot,[127.0.0.1]:2222`;
    writeFileSync(path.join(mine, 'known_hosts'), `${names} ${readFileSync(path.join(keys, 'host.pub'), 'utf8')}`, {
      flag: 'a',
    });
    const options = [
      'StrictModes=no',
      'UsePAM=no',
      'PidFile=none',
      `HostKey=${keys}/host`,
      'Subsystem=sftp internal-sftp',
    ];
    const all = [...options, `AuthorizedKeysFile=${keys}/authorized`].flatMap((option) => ['-o', option]);
    await this.start(host, '/usr/sbin/sshd', '-D', '-e', '-f', '/dev/null', ...all).says(/listening/i);
  }

  async #addDns(host: string): Promise<void> {
    const names = ['--address=/printer.lan/192.168.1.20', '--address=/pi.lan/192.168.1.30'];
    const quiet = ['--no-resolv', '--no-hosts', '--user=root', '--pid-file=', '--conf-file=/dev/null'];
    await this.start(host, 'dnsmasq', '--keep-in-foreground', '--log-facility=-', ...quiet, ...names).says(/started/);
  }
}
