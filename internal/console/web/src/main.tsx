import { render } from 'preact';
import { App } from './app';
import { followAddress } from './lib/route';
import { enter, watchSession } from './lib/session';
import { applyTheme } from './lib/theme';
import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/overlay.css';
import './styles/views.css';

applyTheme();
followAddress();
watchSession();
void enter();
render(<App />, document.getElementById('app')!);
