// `make lint`: set-up, then `npm run check`.
import { installPackages, projectEnvironment, run } from './setup.mjs';

installPackages();
run('npm', ['run', '--silent', 'check'], { env: projectEnvironment() });
