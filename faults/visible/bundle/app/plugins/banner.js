module.exports = (text) => `/* built for ${process.env.NODE_ENV} */\n` + text;
