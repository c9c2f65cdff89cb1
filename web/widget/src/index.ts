// The one script of an embedding page. Loading it twice does no harm.

import { Widget } from './element';

if (!customElements.get('agent-foundry-widget')) customElements.define('agent-foundry-widget', Widget);
