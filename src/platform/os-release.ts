/** The content of /etc/os-release (sequences-and-services.md §6.5); it begins with an empty line. */
export function osRelease(tag: string): string {
  const fields = [
    'NAME="Talos"',
    'ID=talos',
    `VERSION_ID=${tag}`,
    `PRETTY_NAME="Talos (${tag})"`,
    'HOME_URL="https://docs.talos-systems.com/"',
    'BUG_REPORT_URL="https://github.com/talos-systems/talos/issues"',
  ];
  return `\n${fields.join('\n')}\n`;
}
