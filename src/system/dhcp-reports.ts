/** An event of a DHCP client as its hook wrote it. Nothing of the values has been looked at: they come from the network. */
export interface DhcpReport {
  /** `bound`, `renew`, `deconfig`, … of udhcpc, `BOUND6` and the like of dhcpcd. */
  readonly event: string;
  readonly values: ReadonlyMap<string, string>;
}

/** Most characters that one event may have; a packet holds far less. */
const LONGEST = 64 * 1024;
const END = '\0\0\n';

/**
 * Puts the lines that the hook prints together to events. What does not have the form of an event is an empty name,
 * which no client uses.
 */
export class DhcpReportReader {
  readonly #onReport: (report: DhcpReport) => void;
  #text = '';

  constructor(onReport: (report: DhcpReport) => void) {
    this.#onReport = onReport;
  }

  /** Takes one line without its end. */
  line(line: string): void {
    this.#text += `${line}\n`;
    const isComplete = this.#text.endsWith(END);
    if (!isComplete && this.#text.length <= LONGEST) return;
    const text = this.#text;
    this.#text = '';
    this.#onReport(isComplete ? parse(text.slice(0, -END.length)) : { event: '', values: new Map() });
  }
}

function parse(text: string): DhcpReport {
  const values = new Map<string, string>();
  const [first = '', ...records] = text.split('\0');
  for (const record of records) {
    const equals = record.indexOf('=');
    const name = record.slice(0, Math.max(equals, 0));
    if (/^[a-z][a-z0-9_]*$/.test(name)) values.set(name, record.slice(equals + 1));
  }
  // dhcpcd calls without an argument and names the event in a variable.
  const event = /^event=(.*)$/s.exec(first)?.[1] || values.get('reason') || '';
  return { event: /^[A-Za-z][A-Za-z0-9]*$/.test(event) ? event : '', values };
}
