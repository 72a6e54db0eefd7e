if (parent !== self && parent === top && top.location.pathname === "/_sg/") top.location.replace(document.querySelector("a").href);
