/** One member of a tar archive, without its data. */
export interface TarMember {
  /** Folders end in `/`. */
  readonly name: string;
  readonly type: 'file' | 'symlink' | 'character-device' | 'block-device' | 'folder' | 'fifo';
  /** Permission, set-id and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of data; 0 for all but files. */
  readonly size: number;
  /** Whole seconds since 1970, maybe negative. */
  readonly modified: number;
  readonly link?: string;
  readonly major?: number;
  readonly minor?: number;
}

/** Everything in a tar archive comes in blocks of this size. */
export const TAR_BLOCK = 512;

const TYPES = {
  file: '0',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  folder: '5',
  fifo: '6',
} as const;
const EXTENDED = 'x';

/**
 * The header of a member (POSIX ustar), led by an extended header (pax) where a value does not fit: names over 100
 * bytes or beyond ASCII, sizes from 8 GiB, large user numbers, times before 1970.
 */
export function tarHeader(member: TarMember): Buffer {
  const records = extendedRecords(member);
  if (records === '') return block(member, TYPES[member.type]);
  const data = Buffer.from(records);
  const leader = block(
    { name: 'pax', type: 'file', mode: 0o644, uid: 0, gid: 0, size: data.length, modified: 0 },
    EXTENDED,
  );
  return Buffer.concat([leader, data, tarPadding(data.length), block(member, TYPES[member.type])]);
}

/** The zero bytes that fill the last block of `size` bytes of data. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK);
}

/** What ends an archive. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * TAR_BLOCK);
}

function extendedRecords(member: TarMember): string {
  const records: string[] = [];
  const text = (key: string, value: string) => {
    if (Buffer.byteLength(value) > 100 || !/^[\x20-\x7e]*$/.test(value)) records.push(record(key, value));
  };
  const number = (key: string, value: number, digits: number) => {
    if (value < 0 || value >= 8 ** digits) records.push(record(key, String(value)));
  };
  text('path', member.name);
  text('linkpath', member.link ?? '');
  number('size', member.size, 11);
  number('uid', member.uid, 7);
  number('gid', member.gid, 7);
  number('mtime', member.modified, 11);
  return records.join('');
}

/** `<length> <key>=<value>\n`, where the length counts its own digits too. */
function record(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + 1;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function block(member: TarMember, type: string): Buffer {
  const header = Buffer.alloc(TAR_BLOCK);
  header.write(member.name, 0, 100);
  octal(header, member.mode & 0o7777, 100, 8);
  octal(header, member.uid, 108, 8);
  octal(header, member.gid, 116, 8);
  octal(header, member.size, 124, 12);
  octal(header, member.modified, 136, 12);
  header.fill(' ', 148, 156);
  header.write(type, 156);
  header.write(member.link ?? '', 157, 100);
  header.write('ustar\x0000', 257, 'latin1');
  octal(header, member.major ?? 0, 329, 8);
  octal(header, member.minor ?? 0, 337, 8);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** A number that does not fit is 0 here and stands in the extended header. */
function octal(header: Buffer, value: number, at: number, width: number): void {
  const fits = value >= 0 && value < 8 ** (width - 1);
  header.write((fits ? value : 0).toString(8).padStart(width - 1, '0'), at, 'latin1');
}
