"""The search page: HTML, style sheets and script modules, served unchanged. No build step, no CDN, no inline code."""
