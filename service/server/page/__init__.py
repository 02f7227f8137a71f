"""The search page: HTML, style sheets and script modules, served as they are. No build step, no CDN, no inline code."""
